import { make, open, serve, start } from "./lab.js";
import * as agents from "./agents.js";
const [url, app, secret, A, B] = process.argv.slice(2); const emulator={url,app,secret};
const { server, address } = await serve(emulator);
const bs=[await start(A), A==B?null:await start(B)]; bs[1]??=bs[0];
const stat=(tab)=>tab.evaluate(async()=>{const c=made_(0).connection; return c.connectionState+" "+c.iceConnectionState+" "+c.signalingState+" "+[...(await c.getStats()).values()].filter(s=>/bound-rtp/.test(s.type)&&!/remote/.test(s.type)).map(s=>`${s.type[0]}:${s.kind}:mid${s.mid} ${s.packetsReceived??s.packetsSent}p ${s.framesDecoded??s.framesEncoded??""}f`).join(" | ")});
try {
 const tabs=[await open(bs[0],address), await open(bs[1],address)];
 const both=await agents.meet(tabs, emulator); if(process.env.TALK) await agents.talk(both);
 for(const [here,there] of both){
  console.log("close in", here===both[0][0]?A:B);
  for(const t of tabs) console.log("  before", await stat(t));
  try{ await here.agent.closeFirst(); }catch(e){console.log("ERR",e.message)}
  for(let i=0;i<2;i++){ await new Promise(r=>setTimeout(r,1500)); for(const t of tabs) console.log("  after", await stat(t)); }
  if (process.env.SDP) console.log(await tabs[here===both[0][0]?0:1].evaluate(()=>[made_(0).connection.localDescription.sdp,made_(0).connection.remoteDescription.sdp].map(s=>s.split("\r\n").filter(l=>/^m=|mid|BUNDLE|candid|ice-u|setup|recvonly|sendonly|inactive|sendrecv/.test(l)).join("\n")).join("\n\n")));
 }
} catch(e){console.log(e)} finally { for (const b of new Set(bs)) await b.close(); server.close(); }
