//! Requests over TLS, to a server on this machine whose certificate an authority of the tests has signed (`tls/README.md`).

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, Stream};
use serde_json::{Value, json};

use super::Client;

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/network/tls").join(name)
}

/// Starts a server that answers every request with a loaf, and gives its port.
fn serve() -> u16 {
    let certificate = CertificateDer::from_pem_file(file("server.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(file("server.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(config.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut socket in listener.incoming().flatten() {
            let mut connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = Stream::new(&mut connection, &mut socket);
            // A client that does not trust the certificate goes away.
            let mut lines = BufReader::new(&mut stream).lines().map_while(Result::ok);
            if lines.any(|line| line.is_empty()) {
                drop(lines);
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nrye\n");
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        }
    });
    port
}

/// What comes of a request on a machine that trusts an authority.
fn get(host: &str, port: u16, authority: &str) -> Value {
    let client = Client::new(&[&format!("{host}:{port}")]);
    let input = json!({ "requests": [{ "url": format!("https://{host}:{port}/bread") }] });
    let output = client.command(&input, &[]).env("SSL_CERT_FILE", file(authority)).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice::<Vec<Value>>(&output.stdout).unwrap().remove(0)
}

#[test]
fn a_server_whose_certificate_the_machine_trusts_is_asked_over_tls() {
    let answer = get("localhost", serve(), "authority.pem");
    assert_eq!((&answer["status"], &answer["body"]), (&json!(200), &json!("rye\n")), "{answer}");
}

#[test]
fn a_server_that_nobody_vouches_for_is_not_asked() {
    let answer = get("localhost", serve(), "stranger.pem");
    assert!(
        answer["error"].as_str().unwrap().contains("the server's certificate is not trusted"),
        "{answer}"
    );
}

#[test]
fn a_certificate_for_another_name_does_not_count() {
    let answer = get("127.0.0.1", serve(), "authority.pem");
    assert!(
        answer["error"].as_str().unwrap().contains("the server's certificate is not trusted"),
        "{answer}"
    );
}
