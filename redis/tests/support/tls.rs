//! Certificates.

use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

/// Certificate of 127.0.0.1 that its own authority has signed.
pub(crate) struct Certificates {
    folder: TempDir,
}

impl Certificates {
    /// Creates the certificates.
    pub(crate) fn new() -> Self {
        let made = Self { folder: tempfile::tempdir().expect("a folder") };
        made.openssl("req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.crt");
        made.openssl(
            "req -newkey rsa:2048 -nodes -subj /CN=server -keyout server.key -out server.csr",
        );
        std::fs::write(made.path("names"), "subjectAltName=IP:127.0.0.1\n").expect("a file");
        made.openssl("x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile names -out server.crt");
        made
    }

    /// Returns the options of a server that serves TLS at this port only.
    pub(crate) fn options(&self, tls_port: u16) -> Vec<String> {
        let file = |name: &str| self.path(name).display().to_string();
        vec![
            format!("tls-port {tls_port}"),
            format!("tls-cert-file {}", file("server.crt")),
            format!("tls-key-file {}", file("server.key")),
            format!("tls-ca-cert-file {}", file("ca.crt")),
            "tls-auth-clients no".into(),
        ]
    }

    /// Returns the certificate of the authority.
    pub(crate) fn root(&self) -> Vec<u8> {
        std::fs::read(self.path("ca.crt")).expect("a certificate")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn openssl(&self, arguments: &str) {
        let output = Command::new("openssl")
            .args(arguments.split(' '))
            .current_dir(self.folder.path())
            .output()
            .expect("these tests need openssl: apt-get install openssl");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}
