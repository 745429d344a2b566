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

/** A track of another member that is received. */
export interface Remote {
  /** One of its kind in the room. */
  key: string;
  /** The member's id. */
  member: string;
  sessionId: string;
  trackName: string;
  /** What the publisher called it: `microphone`, `camera`, `screen`. */
  name: string;
  kind: "audio" | "video";
  track: MediaStreamTrack;
  mid: string;
}

export type State = "connecting" | "connected" | "repairing" | "failed" | "left";
/** Why a room is being repaired or has failed. */
export type Reason = "network" | "media" | "removed" | "ended" | "full" | "forbidden" | "expired" | "server";

export interface StateDetail {
  state: State;
  reason: Reason | null;
  /** What the person can do, in English. */
  advice: string | null;
  /** Which session in a row this is, from 1. */
  attempt: number;
  error: Error | null;
}

export interface Quality {
  level: "good" | "fair" | "poor";
  /** The part of the packets that is lost, in the worse direction. */
  loss: number;
  /** In seconds. */
  roundTrip: number;
}

/** A request of this module's. `path` has `{id}` in place of ids. */
export interface Call {
  number: number;
  method: string;
  path: string;
  /** The step of the lifecycle that it belongs to. */
  step: "client joins" | "remote client joins" | "remote client leaves" | "client leaves" | null;
  /** When it began, in milliseconds since 1970. */
  at: number;
}

export interface RoomEvents {
  state: StateDetail;
  /** The members, or something of them, have changed. */
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
  /** How loud each member is, from 0 to 1, several times a second. We ourselves are 0 where
   * the browser does not say it, as in Firefox. */
  levels: { levels: Map<string, number> };
  quality: Quality;
  /** A request begins. */
  calling: Call;
  /** A request has ended; status 0 is no reply. */
  call: Call & { status: number; ms: number };
  /** Something that the room goes on without. */
  problem: { error: Error; track?: Remote | null };
}

export interface RoomOptions {
  name?: string;
  /** Any JSON of up to 2 KiB, for the others. */
  data?: unknown;
  /** Headers of every request, for the application to decide who enters. */
  headers?: Record<string, string>;
  /** Which tracks to subscribe to. All, if it is not given. */
  subscribe?: (member: Member, track: Track) => boolean;
  /** The layer of pictures until `fit` has chosen one. */
  preferredRid?: "h" | "l";
}

/** A refusal, or no reply at all (status 0). */
export declare class CallsError extends Error {
  readonly status: number;
  readonly code: string;
  readonly remedy?: "wait" | "rejoin" | "inspect" | "refused" | "fix";
  readonly reason: Reason;
  readonly advice: string;
}

/** One track of ours. It outlives connections. Its event `state` says when `state` changes. */
export declare class Publication extends EventTarget {
  readonly track: MediaStreamTrack;
  readonly name: string;
  readonly trackName: string;
  readonly muted: boolean;
  /** `removed`: a moderator has closed it, and `unmute` publishes it anew. */
  readonly state: "waiting" | "live" | "removed" | "closed";
  /** Sends another track of the same kind. */
  replace(track: MediaStreamTrack): Promise<void>;
  mute(): Promise<void>;
  unmute(): Promise<void>;
  /** Publishes it no longer. Whoever made the track stops it. */
  close(): void;
}

export interface Message {
  member: string;
  name?: string;
  data: string | ArrayBuffer;
}

/** One name of data channels: ours, and those of the others with the same name. Its events
 * are `open`, and `message` with a `Message` as `detail`. */
export declare class Channel extends EventTarget {
  readonly name: string;
  readonly isOpen: boolean;
  /** Returns whether it was sent. */
  send(data: string | ArrayBuffer): boolean;
  close(): void;
}

export declare class Room extends EventTarget {
  /** `url` ends with `/rooms/{room}`. */
  constructor(url: string, options?: RoomOptions);
  /** Makes a room and enters it. Rejects with a `CallsError`. */
  static join(url: string, options?: RoomOptions): Promise<Room>;
  /** Enters the room. After a failure it enters again, as the same member if that is still there. */
  join(): Promise<void>;
  /** Leaves. Happens by itself with the page. */
  leave(): Promise<void>;

  readonly members: Map<string, Member>;
  /** Our own id. */
  readonly me: string | null;
  readonly self: Member | undefined;
  readonly state: State;
  readonly reason: Reason | null;
  readonly quality: Quality | null;
  readonly publications: Publication[];
  readonly remotes: Remote[];
  readonly connection: RTCPeerConnection | null;
  readonly sessionId: string | null;

  /** Publishes a track. What is asked for in one task goes in one request. Resolves once it
   * is published. `layers` sends a picture in two sizes, `h` and `l`. */
  publish(track: MediaStreamTrack, options?: { name?: string; layers?: boolean }): Promise<Publication>;
  channel(name: string, options?: { ordered?: boolean; maxRetransmits?: number; maxPacketLifeTime?: number }): Channel;
  subscribe(track: { sessionId: string; trackName: string }): void;
  unsubscribe(track: { sessionId: string; trackName: string }): void;
  /** Chooses the layer of a picture by the size of the element that shows it. Returns what
   * ends that. */
  fit(track: { sessionId: string; trackName: string }, element: Element): () => void;
  /** Changes our own data. */
  update(data: unknown): Promise<Member>;

  /** For moderators. */
  muteOther(member: string, trackName: string): Promise<Member>;
  remove(member: string): Promise<unknown>;
  end(): Promise<unknown>;

  addEventListener<K extends keyof RoomEvents>(type: K, listener: (event: CustomEvent<RoomEvents[K]>) => void, options?: boolean | AddEventListenerOptions): void;
  addEventListener(type: string, listener: EventListenerOrEventListenerObject | null, options?: boolean | AddEventListenerOptions): void;
}
