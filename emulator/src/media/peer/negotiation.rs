//! Offers and answers of one connection.

use std::time::Instant;

use str0m::change::SdpOffer;
use str0m::media::{Direction as Flow, Mid};

use super::super::channels::placeholder;
use super::super::offered::{self, Added};
use super::super::sdp::{self, Description, Line, bad, unreadable};
use super::super::section::Track;
use super::super::{Accepted, BadDescription, NewSection, Offered};
use super::{Effects, Peer};

/// An offer without an answer yet.
pub(super) struct Pending {
    /// Sections that it adds.
    added: Vec<Added>,
    offer: String,
}

impl Peer {
    /// Takes the agent's offer. Returns the mids of replaced sections, too.
    pub(in crate::media) fn accept_offer(
        &mut self,
        sdp: &str,
        now: Instant,
        out: &mut Effects,
    ) -> Result<(Accepted, Vec<Mid>), BadDescription> {
        self.check_alive()?;
        self.forget_payload_types();
        if self.pending.is_some() {
            return bad("an offer of the SFU has no answer yet");
        }
        let description = Description::parse(sdp)?;
        check_order(&self.lines, &description.lines, true)?;
        let offer = self.try_out(sdp, now)?;

        let answer = match self.rtc.sdp_api().accept_offer(offer) {
            Ok(answer) => answer.to_sdp_string(),
            Err(_) => {
                self.drive(now, out);
                return bad("the offer does not go with what was negotiated before");
            }
        };
        let sections = description.sections();
        let before = std::mem::take(&mut self.lines);
        let replaced = self.negotiated(description);
        self.prepare_successor(&before, sdp, &answer, now);
        if self.lines.iter().all(|line| line.is_rejected) {
            self.rtc.disconnect();
        }
        self.drive(now, out);
        self.version += 1;
        let answer = sdp::prefer(&answer, &self.lines);
        let answer = sdp::dress(&answer, self.key.0, self.version);
        Ok((Accepted { answer, sections }, replaced))
    }

    /// Makes an offer.
    pub(in crate::media) fn offer(
        &mut self,
        add: &[NewSection],
        now: Instant,
        out: &mut Effects,
    ) -> Result<Offered, BadDescription> {
        self.check_alive()?;
        self.forget_payload_types();
        if self.pending.is_some() {
            return bad("the last offer has no answer yet");
        }
        if add.is_empty() {
            return bad("there is nothing to offer");
        }
        let data = add.iter().filter(|section| matches!(section, NewSection::Data)).count();
        if data + self.lines.iter().filter(|line| line.kind.is_none()).count() > 1 {
            return bad("there is a section for data channels already");
        }

        let mut change = self.rtc.sdp_api();
        for section in add {
            match *section {
                NewSection::Send { kind, is_bidirectional } => {
                    let flow = if is_bidirectional { Flow::SendRecv } else { Flow::SendOnly };
                    change.add_media(kind.into(), flow, None, None, None);
                }
                NewSection::Receive { kind, is_bidirectional } => {
                    let flow = if is_bidirectional { Flow::SendRecv } else { Flow::RecvOnly };
                    change.add_media(kind.into(), flow, None, None, None);
                }
                NewSection::Data => {
                    change.add_channel_with_config(placeholder());
                }
            }
        }
        let applied = change.apply();
        self.drive(now, out);
        let Some((offer, _)) = applied else {
            return bad("there is nothing to offer");
        };

        self.version += 1;
        let offer = sdp::prefer(&offer.to_sdp_string(), &self.lines);
        let offer = sdp::dress(&offer, self.key.0, self.version);
        let (offer, added) = offered::number(&offer, self.lines.len(), &mut self.used_mids)?;
        let mids = added.iter().map(|section| section.line.mid.clone()).collect();
        self.pending = Some(Pending { added, offer: offer.clone() });
        Ok(Offered { offer, mids })
    }

    /// Takes the agent's answer.
    pub(in crate::media) fn accept_answer(
        &mut self,
        sdp: &str,
        now: Instant,
        out: &mut Effects,
    ) -> Result<(), BadDescription> {
        self.check_alive()?;
        self.forget_payload_types();
        let Some(pending) = self.pending.take() else {
            return bad("there is no offer to be answered");
        };
        let (description, answer) = match self.check_answer(&pending, sdp, now) {
            Ok(checked) => checked,
            Err(error) => {
                self.pending = Some(pending);
                return Err(error);
            }
        };
        if self.rtc.sdp_api().accept_offer(answer).is_err() {
            self.drive(now, out);
            return bad("the answer does not go with the offer");
        }
        for section in &pending.added {
            section.keep_stream(&mut self.rtc);
        }
        let before = std::mem::take(&mut self.lines);
        self.negotiated(description);
        self.prepare_successor(&before, sdp, &pending.offer, now);
        self.drive(now, out);
        Ok(())
    }

    /// Keeps the negotiated description. Returns the mids that have ended.
    fn negotiated(&mut self, description: Description) -> Vec<Mid> {
        self.remote_credentials = Some(description.credentials);
        self.lines = description.lines;
        for line in &self.lines {
            self.used_mids.insert(line.mid.clone());
            if let Some(kind) = line.kind {
                let track = self.tracks.entry(line.mid.as_str().into()).or_insert(Track::new(kind));
                if line.sends() {
                    track.rids = line.rids.iter().map(|rid| rid.as_str().into()).collect();
                }
            }
        }
        if self.lines.iter().any(|line| line.kind.is_none() && !line.is_rejected) {
            self.channels.transport();
        }
        let lines = &self.lines;
        let is_gone = |mid: &Mid| !lines.iter().any(|line| line.mid == **mid);
        let gone: Vec<Mid> = self.tracks.keys().filter(|mid| is_gone(mid)).copied().collect();
        self.tracks.retain(|mid, _| !gone.contains(mid));
        gone
    }

    fn check_alive(&self) -> Result<(), BadDescription> {
        if self.rtc.is_alive() { Ok(()) } else { bad("the connection has ended") }
    }

    fn check_answer(
        &self,
        pending: &Pending,
        sdp: &str,
        now: Instant,
    ) -> Result<(Description, SdpOffer), BadDescription> {
        let description = Description::parse(sdp)?;
        if description.lines.len() != self.lines.len() + pending.added.len() {
            return bad("the answer has not as many sections as the offer");
        }
        let (old, new) = description.lines.split_at(self.lines.len());
        check_order(&self.lines, old, false)?;
        let added: Vec<Line> = pending.added.iter().map(|section| section.line.clone()).collect();
        check_order(&added, new, false)?;
        if self.remote_credentials.as_ref().is_some_and(|old| *old != description.credentials) {
            return bad("the answer restarts ICE and the offer does not");
        }
        let answer = self.try_out(&offered::as_offer(sdp, &pending.added), now)?;
        Ok((description, answer))
    }

    /// Tries a description on another connection. str0m cannot take back a description that it
    /// refuses halfway.
    fn try_out(&self, sdp: &str, now: Instant) -> Result<SdpOffer, BadDescription> {
        let read = || match SdpOffer::from_sdp_string(sdp) {
            Ok(offer) => Ok(offer),
            Err(_) => unreadable("the session description cannot be read"),
        };
        match self.local.connection(None, now).sdp_api().accept_offer(read()?) {
            Ok(_) => read(),
            Err(_) => bad("the session description is not consistent"),
        }
    }
}

/// Checks that known sections keep their places.
fn check_order(known: &[Line], lines: &[Line], is_offer: bool) -> Result<(), BadDescription> {
    if lines.len() < known.len() {
        return bad("sections are missing that were negotiated before");
    }
    for (known, line) in known.iter().zip(lines) {
        // Another section may take the place of a rejected one (RFC 8829 section 5.2.2).
        let is_replaced = is_offer && known.is_rejected && known.mid != line.mid;
        if is_replaced && known.kind.is_some() && line.kind.is_some() {
            continue;
        }
        if known.mid != line.mid || known.kind != line.kind {
            return bad("a section is not where it was negotiated before");
        }
    }
    for (index, line) in lines.iter().enumerate() {
        if lines[..index].iter().any(|other| other.mid == line.mid)
            || known.iter().enumerate().any(|(at, known)| at != index && known.mid == line.mid)
        {
            return bad("two sections have the same mid");
        }
    }
    Ok(())
}
