//! Names of keys and channels.

use cloudflare_calls::store::Keeper;
use cloudflare_calls::types::SessionId;

/// The names, all with one prefix.
pub(crate) struct Keys {
    prefix: String,
}

impl Keys {
    /// Creates names with a prefix that has no braces.
    pub(crate) fn new(prefix: String) -> Self {
        Self { prefix }
    }

    /// Returns the key of a session's entry. By the braces, the slot is the session's, whatever the
    /// prefix.
    pub(crate) fn entry(&self, session: &SessionId) -> String {
        [&*self.prefix, ":{", session.as_str(), "}"].concat()
    }

    /// Returns the session of an entry.
    pub(crate) fn session_of(&self, key: &[u8]) -> Option<SessionId> {
        let key = std::str::from_utf8(key).ok()?.strip_prefix(&self.prefix)?;
        SessionId::new(key.strip_prefix(":{")?.strip_suffix('}')?).ok()
    }

    /// Returns a pattern of all entries.
    pub(crate) fn pattern(&self) -> String {
        let mut pattern = String::new();
        for c in self.prefix.chars() {
            if matches!(c, '*' | '?' | '[' | ']' | '\\' | '^' | '-') {
                pattern.push('\\');
            }
            pattern.push(c);
        }
        pattern + ":{*}"
    }

    /// Returns the key that is there while a process is alive.
    pub(crate) fn alive(&self, keeper: Keeper) -> String {
        format!("{}:alive:{{{keeper}}}", self.prefix)
    }

    /// Returns the channel of a process.
    pub(crate) fn channel(&self, keeper: Keeper) -> String {
        format!("{}:wake:{{{keeper}}}", self.prefix)
    }

    /// Returns the process of a channel.
    pub(crate) fn keeper_of(&self, channel: &[u8]) -> Option<Keeper> {
        let channel = std::str::from_utf8(channel).ok()?.strip_prefix(&self.prefix)?;
        keeper(channel.strip_prefix(":wake:{")?.strip_suffix('}')?)
    }
}

/// Returns the process of 16 hexadecimal digits.
pub(crate) fn keeper(digits: &str) -> Option<Keeper> {
    u64::from_str_radix(digits, 16).ok().map(Keeper::from_number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back() {
        let keys = Keys::new("a*b".into());
        let (session, keeper) = (SessionId::new("e017").unwrap(), Keeper::random());
        assert_eq!(keys.entry(&session), "a*b:{e017}");
        assert_eq!(keys.session_of(b"a*b:{e017}"), Some(session));
        assert_eq!(keys.pattern(), "a\\*b:{*}");
        assert_eq!(keys.keeper_of(keys.channel(keeper).as_bytes()), Some(keeper));
        for other in ["a*b:alive:{e017}", "x:{e017}", "a*b:{e/1}", "a*b:{}"] {
            assert_eq!(keys.session_of(other.as_bytes()), None, "{other}");
        }
    }
}
