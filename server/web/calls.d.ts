// Types of calls.js.

export interface Track {
  sessionId: string;
  trackName: string;
  kind: "audio" | "video";
  muted: boolean;
}

export interface ChannelInfo {
  sessionId: string;
  dataChannelName: string;
  ordered?: boolean;
  maxRetransmits?: number;
  maxPacketLifeTime?: number;
}

export interface Member {
  id: string;
  name?: string | null;
  role: "moderator" | "member" | "listener";
  presence: "here" | "away";
  data: unknown;
  tracks: Track[];
  channels: ChannelInfo[];
}

/** Track of another member that is received. */
export interface Remote {
  /** Key that is unique in the room. */
  key: string;
  /** Id of the member. */
  member: string;
  sessionId: string;
  trackName: string;
  /** Name that the publisher gave: `microphone`, `camera`, `screen`. */
  name: string;
  kind: "audio" | "video";
  track: MediaStreamTrack;
  mid: string;
}

export type State = "connecting" | "connected" | "repairing" | "failed" | "left";
/** Reason for which a room is being repaired or has failed. */
export type Reason = "network" | "media" | "removed" | "ended" | "full" | "forbidden" | "expired" | "server";

export interface StateDetail {
  state: State;
  reason: Reason | null;
  /** Advice to the person, in English. */
  advice: string | null;
  /** Number of the session in a row, from 1. */
  attempt: number;
  error: Error | null;
}

export interface Quality {
  level: "good" | "fair" | "poor";
  /** Share of the packets that is lost, in the worse direction, from 0 to 1. */
  loss: number;
  /** Time in seconds. */
  roundTrip: number;
}

/** Request of this module. `path` has `{id}` in place of ids. */
export interface Call {
  number: number;
  method: string;
  path: string;
  /** Step of the lifecycle that it belongs to. */
  step: "client joins" | "remote client joins" | "remote client leaves" | "client leaves" | null;
  /** Time of its beginning, in milliseconds since 1970. */
  at: number;
}

export interface RoomEvents {
  state: StateDetail;
  /** Members have changed, or a part of one. */
  members: { members: Map<string, Member> };
  joined: { member: Member; name?: string };
  left: { member: string; name?: string; reason: "left" | "expired" | "removed" | "ended" };
  published: { member: string; track?: Track; channel?: ChannelInfo; name?: string };
  unpublished: { member: string; sessionId: string; trackName?: string; dataChannelName?: string; by?: string; name?: string };
  muted: { member: string; sessionId: string; trackName: string; name?: string };
  unmuted: { member: string; sessionId: string; trackName: string; name?: string };
  changed: { member: string; data: unknown; name?: string };
  away: { member: string; name?: string };
  here: { member: string; name?: string };
  /** A track of another member is received. After a repair it comes again. */
  track: Remote;
  trackended: Remote;
  /** A moderator has closed a track of ours. */
  silenced: { publication: Publication; by: string | null };
  speaking: { member: string; isSpeaking: boolean };
  /** Loudness of each member, from 0 to 1, several times a second. Our own is 0 in browsers
   * that do not measure it, as Firefox. */
  levels: { levels: Map<string, number> };
  quality: Quality;
  /** A request begins. */
  calling: Call;
  /** A request has ended; status 0 is no reply. */
  call: Call & { status: number; ms: number };
  /** Problem despite which the room continues. */
  problem: { error: Error; track?: Remote | null };
}

export interface RoomOptions {
  name?: string;
  /** JSON of up to 2 KiB, for the others. */
  data?: unknown;
  /** Headers of every request, for the application to decide who enters. */
  headers?: Record<string, string>;
  /** Choice of the tracks to subscribe to. Without it all are. */
  subscribe?: (member: Member, track: Track) => boolean;
  /** Layer of pictures until `fit` has chosen one. */
  preferredRid?: "h" | "l";
}

/** Refusal, or no reply at all (status 0). */
export declare class CallsError extends Error {
  readonly status: number;
  readonly code: string;
  readonly remedy?: "wait" | "rejoin" | "inspect" | "refused" | "fix";
  readonly reason: Reason;
  readonly advice: string;
}

/** Track of ours. It outlives connections. Its event `state` says when `state` changes. */
export declare class Publication extends EventTarget {
  readonly track: MediaStreamTrack;
  readonly name: string;
  readonly trackName: string;
  readonly muted: boolean;
  /** `removed` means that a moderator has closed it. `unmute` publishes it anew. */
  readonly state: "waiting" | "live" | "removed" | "closed";
  /** Sends another track of the same kind. */
  replace(track: MediaStreamTrack): Promise<void>;
  mute(): Promise<void>;
  unmute(): Promise<void>;
  /** Publishes it no longer. The page has to stop the track itself. */
  close(): void;
}

export interface Message {
  member: string;
  name?: string;
  data: string | ArrayBuffer;
}

/** Data channels of one name: ours, and those of the others. Its events are `open`, and
 * `message` with a `Message` as `detail`. */
export declare class Channel extends EventTarget {
  readonly name: string;
  readonly isOpen: boolean;
  /** Sends a message. Returns whether it was sent. */
  send(data: string | ArrayBuffer): boolean;
  close(): void;
}

export declare class Room extends EventTarget {
  /** `url` ends with `/rooms/{room}`. */
  constructor(url: string, options?: RoomOptions);
  /** Makes a room and enters it. Rejects with a `CallsError`. */
  static join(url: string, options?: RoomOptions): Promise<Room>;
  /** Enters the room. After a failure it enters again, as the same member if that still exists. */
  join(): Promise<void>;
  /** Leaves. Leaving the page does so, too. */
  leave(): Promise<void>;

  readonly members: Map<string, Member>;
  /** Id of ourselves. */
  readonly me: string | null;
  readonly self: Member | undefined;
  readonly state: State;
  readonly reason: Reason | null;
  readonly quality: Quality | null;
  readonly publications: Publication[];
  readonly remotes: Remote[];
  readonly connection: RTCPeerConnection | null;
  readonly sessionId: string | null;

  /** Publishes a track. Calls in one task share one request. Resolves once the track is
   * published. `layers` sends a picture in two sizes, `h` and `l`. */
  publish(track: MediaStreamTrack, options?: { name?: string; layers?: boolean }): Promise<Publication>;
  channel(name: string, options?: { ordered?: boolean; maxRetransmits?: number; maxPacketLifeTime?: number }): Channel;
  subscribe(track: { sessionId: string; trackName: string }): void;
  unsubscribe(track: { sessionId: string; trackName: string }): void;
  /** Chooses the layer of a picture by the size of the element that shows it. Returns a
   * function that ends that. */
  fit(track: { sessionId: string; trackName: string }, element: Element): () => void;
  /** Changes our own data. */
  update(data: unknown): Promise<Member>;

  /** Mutes another member. For moderators. */
  muteOther(member: string, trackName: string): Promise<Member>;
  remove(member: string): Promise<unknown>;
  end(): Promise<unknown>;

  addEventListener<K extends keyof RoomEvents>(type: K, listener: (event: CustomEvent<RoomEvents[K]>) => void, options?: boolean | AddEventListenerOptions): void;
  addEventListener(type: string, listener: EventListenerOrEventListenerObject | null, options?: boolean | AddEventListenerOptions): void;
}
