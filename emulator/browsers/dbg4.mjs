import { make, open, serve, start } from "./lab.js";
import * as agents from "./agents.js";
const [url, app, secret, A, B] = process.argv.slice(2); const emulator={url,app,secret};
const { server, address } = await serve(emulator);
const bs=[await start(A), A==B?null:await start(B)]; bs[1]??=bs[0];
const st=(tab)=>tab.evaluate(()=>JSON.stringify([...made_(0).channels].map(([n,{channel}])=>[n.slice(0,9),channel.readyState,channel.bufferedAmount]))+" sctp "+made_(0).connection.sctp?.state+" dtls "+made_(0).connection.sctp?.transport.state+" "+made_(0).connection.connectionState);
try {
 const tabs=[await open(bs[0],address), await open(bs[1],address)];
 for (const t of tabs) await t.evaluate(()=>{});
 const both=await agents.meet(tabs, emulator); await agents.talk(both);
 for (const t of tabs) console.log(await st(t));
 await both[0][0].agent.closeFirst(); 
 for (let i=0;i<4;i++){ await new Promise(r=>setTimeout(r,1500)); 
  try { await both[0][0].agent.say("from "+both[0][0].sessionId,"x"+i);} catch(e){console.log("say",e.message.split("\n")[0])}
  for (const t of tabs) console.log(i, await st(t)); }
 console.log(await tabs[1].evaluate(()=>JSON.stringify([...made_(0).channels].map(([n,{heard}])=>heard))));
} catch(e){console.log(e)} finally { for (const b of new Set(bs)) await b.close(); server.close(); }
