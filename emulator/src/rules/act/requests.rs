//! Requests, events and timers.

use super::checks::check_turn;
use super::step::Step;
use crate::media::{Event, SessionKey};
use crate::rules::model::violations::ViolationKind;
use crate::rules::read::change::Change;
use crate::rules::read::reply::{Reply, disconnected};
use crate::rules::read::request::{Operation, Request, Response};

impl Step<'_> {
    /// Carries out a request, or begins to.
    pub(crate) fn request(&mut self, request: Request) -> Response {
        self.timeout();
        let response = match request.operation {
            Operation::NewSession => self.create(request).map(Response::Now),
            Operation::NewWebsocketAdapters => self.new_adapters(request),
            Operation::CloseWebsocketAdapters => self.close_adapters(&request).map(Response::Now),
            _ => self.request_on_session(&request),
        };
        response.unwrap_or_else(Response::Now)
    }

    /// Takes an event of a connection.
    pub(crate) fn event(&mut self, event: Event) {
        let key = event.session();
        match event {
            Event::Connected(_) => {
                self.connected(key);
                self.resume(key);
            }
            Event::Disconnected(_) => self.disconnected(key),
            Event::FirstPacket { mid, direction, .. } => {
                self.state.note_first_packet(key, &mid, direction);
            }
            Event::Flows(_) => self.state.look_again(),
            Event::Message { id, message, .. } => self.relay(key, id, &message),
        }
        self.state.schedule(key);
    }

    /// Carries out what is due.
    pub(crate) fn timeout(&mut self) {
        for key in self.state.timers.due(self.now) {
            let session = self.state.sessions.get(&key);
            let at = session.and_then(|session| session.expires_at(&self.state.config));
            if at.is_some_and(|at| at <= self.now) {
                self.expire_unanswered(key);
                self.remove(key);
                continue;
            }
            let waiting = session.and_then(|session| session.waiting.as_ref());
            if waiting.is_some_and(|waiting| waiting.wakes_at() <= self.now) {
                self.resume(key);
            }
            self.switch_layers(key);
            self.collect(key);
            self.close_unanswered(key);
            self.state.schedule(key);
        }
        self.give_up_adapters();
    }

    fn request_on_session(&mut self, request: &Request) -> Result<Response, Reply> {
        let key = self.state.admit(self.now, request)?;
        let Some(session) = self.state.sessions.get(&key) else { return Err(disconnected()) };
        if request.operation == Operation::GetSession {
            return Ok(Response::Now(session.show()));
        }
        if let Err(refused) = check_turn(session, request.operation) {
            if let Some(kind) = ViolationKind::out_of_turn(session, request) {
                self.state.note(self.now, key, request.operation, kind);
            }
            return Err(refused);
        }
        let mut change = Change::read(request.operation, &request.body, &self.state.config)?;
        change.check(session)?;
        let response = self.begin(key, change);
        self.state.schedule(key);
        Ok(response)
    }

    /// Notes the unanswered offer of a session that is about to expire.
    fn expire_unanswered(&mut self, key: SessionKey) {
        let exchange = self.state.sessions.get(&key).and_then(|session| session.exchange.as_ref());
        if let Some(operation) = exchange.map(|exchange| exchange.operation) {
            self.state.note(self.now, key, operation, ViolationKind::OfferExpired);
        }
    }
}
