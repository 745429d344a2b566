//! State that all connections of an SFU share.

use std::net::SocketAddr;
use std::time::Instant;

use str0m::config::DtlsCert;
use str0m::net::Protocol;
use str0m::{Candidate, IceCreds, Output, Rtc, RtcConfig, crypto};

/// State that all connections of an SFU share.
pub(in crate::media) struct Local {
    candidates: Vec<SocketAddr>,
    /// Certificate of all connections, so that a session may have one connection after another.
    /// None if the cryptography cannot make one: then each connection makes its own.
    certificate: Option<DtlsCert>,
}

impl Local {
    pub(in crate::media) fn new(candidates: Vec<SocketAddr>) -> Self {
        let provider = crypto::from_feature_flags();
        Self { candidates, certificate: provider.dtls_provider.generate_certificate() }
    }

    /// Makes a connection with the settings of every session, and with these ICE credentials or new
    /// ones.
    pub(super) fn connection(&self, credentials: Option<IceCreds>, now: Instant) -> Rtc {
        let mut config = RtcConfig::new()
            .set_ice_lite(true)
            .set_rtp_mode(true)
            .clear_codecs()
            .enable_opus(true, false)
            .enable_pcmu(true, false)
            .enable_pcma(true, false)
            .enable_h264(true)
            .enable_h265(true)
            .enable_vp8(true)
            .enable_vp9(true)
            .enable_av1(true);
        if let Some(certificate) = &self.certificate {
            config = config.set_dtls_cert(certificate.clone());
        }
        if let Some(credentials) = credentials {
            config = config.set_local_ice_credentials(credentials);
        }
        let mut rtc = config.build(now);
        for candidate in &self.candidates {
            if let Ok(candidate) = Candidate::host(*candidate, Protocol::Udp) {
                rtc.add_local_candidate(candidate);
            }
        }
        // A connection that has not begun has nothing to send.
        while let Ok(Output::Event(_) | Output::Transmit(_)) = rtc.poll_output() {}
        rtc
    }
}
