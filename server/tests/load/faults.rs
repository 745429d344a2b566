//! Faults of the emulator.

use std::sync::{Arc, Mutex};

use cloudflare_calls_emulator::Emulator;
use cloudflare_calls_emulator::faults::Fault;
use cloudflare_calls_emulator::rules::Operation;
use fastrand::Rng;

use crate::world::World;

/// Orders faults, each for a number of calls in 1,000.
pub(crate) fn order(emulator: &Emulator, world: &Arc<World>, seed: u64) {
    let (world, rng) = (Arc::clone(world), Mutex::new(Rng::with_seed(seed)));
    emulator.watch(move |call| {
        let mut rng = rng.lock().unwrap();
        let (kind, fault, is_lossy) = match rng.u32(..1000) {
            0..100 => ("later", Fault::Delay { ms: rng.u64(..300) }, false),
            100..200 => ("later reply", Fault::DelayReply { ms: rng.u64(..300) }, false),
            200..210 => {
                ("503, nothing done", Fault::refuse(503, "temporarily_unavailable_error"), false)
            }
            210..214 => ("502 of an edge, nothing done", Fault::Html { status: 502 }, true),
            214..218 => ("no reply", Fault::DropReply, true),
            218..222 => ("reset, nothing done", Fault::Reset, true),
            222..225 if call.operation != Operation::NewSession => {
                ("expired session", Fault::ExpireSession, true)
            }
            _ => return Vec::new(),
        };
        world.tally.fault(kind);
        if let (true, Some(session)) = (is_lossy, &call.session) {
            world.tally.explain(session, kind);
        }
        vec![fault]
    });
}
