//! A TLS server on loopback that answers by the name it is asked for. Its certificate, for
//! `*.voorbeeld.example`, and the authority that signed it exist for these tests alone.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// Host and path → the whole answer.
pub type Answer = fn(&str, &str) -> Vec<u8>;

/// When each host was asked, and for which path.
pub type Asked = Mutex<BTreeMap<String, Vec<(String, Instant)>>>;

pub struct Server {
    pub at: SocketAddr,
    pub asked: Arc<Asked>,
    /// Most connections that were open at once.
    pub most_at_once: Arc<AtomicUsize>,
}

pub fn authority() -> Vec<u8> {
    include_bytes!("authority.pem").to_vec()
}

pub fn serve(answer: Answer) -> Server {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = PrivatePkcs8KeyDer::from(include_bytes!("leaf.key.der").to_vec());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from(include_bytes!("leaf.der").to_vec())],
            PrivateKeyDer::Pkcs8(key),
        )
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = Server {
        at: listener.local_addr().unwrap(),
        asked: Arc::default(),
        most_at_once: Arc::default(),
    };
    let (asked, most) = (Arc::clone(&server.asked), Arc::clone(&server.most_at_once));
    let open = Arc::new(AtomicUsize::new(0));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (config, asked) = (Arc::clone(&config), Arc::clone(&asked));
            let (open, most) = (Arc::clone(&open), Arc::clone(&most));
            std::thread::spawn(move || {
                most.fetch_max(open.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                let _ = one(stream, config, &asked, answer);
                open.fetch_sub(1, Ordering::SeqCst);
            });
        }
    });
    server
}

fn one(
    stream: TcpStream,
    config: Arc<ServerConfig>,
    asked: &Asked,
    answer: Answer,
) -> std::io::Result<()> {
    let connection = ServerConnection::new(config).map_err(std::io::Error::other)?;
    let mut tls = StreamOwned::new(connection, stream);
    let mut request = Vec::new();
    let mut buffer = [0; 1024];
    while !request.windows(4).any(|w| w == b"\r\n\r\n") {
        match tls.read(&mut buffer)? {
            0 => return Ok(()),
            n => request.extend_from_slice(&buffer[..n]),
        }
    }
    let text = String::from_utf8_lossy(&request).to_lowercase();
    let path = text.split(' ').nth(1).unwrap_or_default().to_owned();
    let host = text
        .lines()
        .find_map(|l| l.strip_prefix("host: "))
        .unwrap_or_default();
    let host = host.split(':').next().unwrap_or_default().to_owned();
    asked
        .lock()
        .unwrap()
        .entry(host.clone())
        .or_default()
        .push((path.clone(), Instant::now()));
    let bytes = answer(&host, &path);
    if bytes.is_empty() {
        // A server that never answers.
        std::thread::sleep(Duration::from_secs(20));
    }
    tls.write_all(&bytes)?;
    tls.conn.send_close_notify();
    tls.flush()
}
