//! A negotiation has three ends, and a `match` names them all.

use cloudflare_calls::Offer;
use cloudflare_calls::session::Negotiation;
use cloudflare_calls::tracks::Subscribed;

fn _offer(negotiation: &Negotiation<Subscribed>) -> Option<&Offer> {
    match negotiation {
        Negotiation::Offer(pending) => Some(pending.offer()),
        Negotiation::Answer(_) | Negotiation::Done(_) => None,
    }
}

fn main() {}
