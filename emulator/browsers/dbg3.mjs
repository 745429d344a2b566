import { make, open, serve, start } from "./lab.js";
const [url, app, secret, A] = process.argv.slice(2); const emulator={url,app,secret};
const { server, address } = await serve(emulator);
const b=await start(A);
try {
  const t=await open(b,address); const p=await make(t,"Agent",emulator); await p.join();
  await p.publish({audio:"audio/opus",video:"video/VP8"});
  console.log("connected");
  const dump=()=>t.evaluate(async()=>{const c=made_(0).connection; const all=await c.getStats(); return [c.connectionState,c.iceConnectionState,c.getSenders().map(s=>s.transport?.state+"/"+s.transport?.iceTransport?.state).join(",")].join(" ")+"\n"+[...all.values()].filter(s=>/candidate-pair|^transport/.test(s.type)).map(s=>s.type=="transport"?`transport ${s.dtlsState} ${s.iceState} ${s.selectedCandidatePairId}`:`pair ${s.state} nom=${s.nominated} ${all.get(s.localCandidateId)?.address}:${all.get(s.localCandidateId)?.port} -> ${all.get(s.remoteCandidateId)?.address}:${all.get(s.remoteCandidateId)?.port} req=${s.requestsSent} resp=${s.responsesReceived}`).join("\n")});
  console.log(await dump());
  console.log(await t.evaluate(async()=>{const a=made_(0), c=a.connection; c.getTransceivers()[0].stop(); await c.setLocalDescription(); await new Promise(r=>setTimeout(r,500)); return "after SLD "+c.iceConnectionState+" "+c.getSenders().map(s=>s.transport?.state+"/"+s.transport?.iceTransport?.state).join(",")}));
  await t.evaluate(async()=>{const a=made_(0), c=a.connection; const reply=await a.call("PUT",`${a.session}/tracks/close`,{tracks:[{mid:"0"}],sessionDescription:c.localDescription,force:false}); await c.setRemoteDescription(reply.sessionDescription);});
  for(let i=0;i<4;i++){ await new Promise(r=>setTimeout(r,1000)); console.log("after SRD", await dump()); }
} catch(e){console.log(e)} finally { await b.close(); server.close(); }
