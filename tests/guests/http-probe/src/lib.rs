//! Uses `wasi:http` as no library would, and says what it was answered. Its input is the name of what it does.

wit_bindgen::generate!({
    path: "../../../wit",
    inline: "
        package pie:http-probe;

        interface run {
            run: func(input: string) -> result<string, string>;
        }

        world probe {
            include pie:inferlet/network;
            import wasi:cli/environment@0.2.12;
            export run;
        }
    ",
    world: "probe",
    generate_all,
});

use exports::pie::http_probe::run::Guest;
use wasi::http::outgoing_handler::handle;
use wasi::http::types::{
    Fields, FutureIncomingResponse, IncomingBody, Method, OutgoingBody, OutgoingRequest, RequestOptions,
    Scheme,
};
use wasi::io::streams::StreamError;

struct Probe;

export!(Probe);

impl Guest for Probe {
    fn run(input: String) -> Result<String, String> {
        let lines = match input.trim_matches('"') {
            "fields" => fields(),
            "requests" => requests(),
            "bodies" => bodies(),
            "long body" => long_body(),
            "many fields" => many_fields(),
            "late body" => late_body(),
            "abandoned" => abandoned(),
            "waiting before the body" => waiting_before_the_body(),
            other => return Err(format!("there is no way to probe called {other}")),
        };
        Ok(format!("[{}]", lines.iter().map(|line| format!("{line:?}")).collect::<Vec<_>>().join(",")))
    }
}

fn fields() -> Vec<String> {
    let fields = Fields::new();
    let mut seen = vec![
        format!("{:?}", fields.append("X-Bread", b"rye")),
        format!("{:?}", fields.append("x-bread", b"wheat")),
        format!("{:?}", fields.get("X-BREAD")),
        format!("{} {}", fields.has("x-bread"), fields.has("no such")),
        format!("{:?}", fields.append("host", b"a.com")),
        format!("{:?}", fields.set("Transfer-Encoding", &[b"chunked".to_vec()])),
        format!("{:?}", fields.append("bad name", b"x")),
        format!("{:?}", fields.append("x", b"line\r\nbreak")),
        format!("{:?}", fields.set("x-bread", &[b"corn".to_vec()])),
        format!("{:?}", fields.delete("connection")),
        format!("{:?}", fields.entries()),
    ];
    let copy = fields.clone();
    seen.push(format!("{:?}", copy.delete("x-bread")));
    seen.push(format!("{} {}", copy.entries().len(), fields.entries().len()));
    let request = OutgoingRequest::new(fields);
    let headers = request.headers();
    seen.push(format!("{:?}", headers.append("x", b"y")));
    seen.push(format!("{:?}", headers.clone().append("x", b"y")));
    seen.push(format!(
        "{:?}",
        Fields::from_list(&[("a".to_owned(), b"1".to_vec()), ("te".to_owned(), b"2".to_vec())]).err()
    ));
    seen
}

fn request(authority: &str) -> OutgoingRequest {
    let request = OutgoingRequest::new(Fields::new());
    request.set_scheme(Some(&Scheme::Http)).unwrap();
    request.set_authority(Some(authority)).unwrap();
    request
}

fn refused(request: OutgoingRequest) -> String {
    format!("{:?}", handle(request, None).err())
}

fn requests() -> Vec<String> {
    let fresh = || OutgoingRequest::new(Fields::new());
    let mut seen = vec![
        format!("{:?}", fresh().set_method(&Method::Other("BAD METHOD".to_owned()))),
        format!("{:?}", fresh().set_path_with_query(Some("no slash"))),
        format!("{:?}", fresh().set_path_with_query(Some("/a b"))),
        format!("{:?}", fresh().set_authority(Some("a b"))),
        refused(fresh()),
        refused(request("user:secret@a.com")),
        refused(request("2130706433")),
        refused(request("not-listed.example")),
    ];
    let connect = request("127.0.0.1:1");
    connect.set_method(&Method::Connect).unwrap();
    seen.push(refused(connect));
    let other = request("127.0.0.1:1");
    other.set_scheme(Some(&Scheme::Other("ftp".to_owned()))).unwrap();
    seen.push(refused(other));
    let long = request("127.0.0.1:1");
    long.set_path_with_query(Some(&format!("/{}", "a".repeat(20_000)))).unwrap();
    seen.push(refused(long));
    let big = Fields::new();
    for _ in 0..20 {
        big.append("x", &[b'a'; 10_000]).unwrap();
    }
    let big = OutgoingRequest::new(big);
    big.set_authority(Some("127.0.0.1:1")).unwrap();
    seen.push(refused(big));
    let options = RequestOptions::new();
    options.set_first_byte_timeout(Some(5)).unwrap();
    seen.push(format!("{:?} {:?}", options.first_byte_timeout(), options.connect_timeout()));
    seen
}

/// The response to a request under way: its status, or the error.
fn response(future: &FutureIncomingResponse) -> String {
    future.subscribe().block();
    match future.get() {
        Some(Ok(Ok(response))) => {
            let body = response.consume().unwrap();
            let again = response.consume().is_err();
            let stream = body.stream().unwrap();
            let second = body.stream().is_err();
            let mut bytes = Vec::new();
            loop {
                match stream.blocking_read(7) {
                    Ok(piece) => bytes.extend(piece),
                    Err(StreamError::Closed) => break,
                    Err(error) => return format!("{error:?}"),
                }
            }
            drop(stream);
            let trailers = IncomingBody::finish(body);
            trailers.subscribe().block();
            let (first, then) = (trailers.get(), trailers.get());
            let none = matches!(first, Some(Ok(Ok(None)))) && matches!(then, Some(Err(())));
            let taken = matches!(future.get(), Some(Err(())));
            let headers = response.headers().append("x", b"y");
            format!(
                "{} {:?} {again} {second} {none} {taken} {headers:?}",
                response.status(),
                String::from_utf8_lossy(&bytes)
            )
        }
        Some(Ok(Err(code))) => format!("{code:?}"),
        other => format!("{other:?}"),
    }
}

/// The address of the server that the test has made.
fn server() -> String {
    let environment = wasi::cli::environment::get_environment();
    environment.into_iter().find(|(name, _)| name == "SERVER").map(|(_, value)| value).unwrap_or_default()
}

fn post(headers: &[(&str, &str)]) -> OutgoingRequest {
    let fields = Fields::new();
    for (name, value) in headers {
        fields.append(name, value.as_bytes()).unwrap();
    }
    let request = OutgoingRequest::new(fields);
    request.set_scheme(Some(&Scheme::Http)).unwrap();
    request.set_authority(Some(&server())).unwrap();
    request.set_path_with_query(Some("/echo")).unwrap();
    request.set_method(&Method::Post).unwrap();
    request
}

fn bodies() -> Vec<String> {
    let mut seen = Vec::new();
    // As long as was announced.
    let right = post(&[("content-length", "5")]);
    let body = right.body().unwrap();
    seen.push(format!("{}", right.body().is_err()));
    let future = handle(right, None).unwrap();
    let stream = body.write().unwrap();
    seen.push(format!("{}", body.write().is_err()));
    stream.blocking_write_and_flush(b"bread").unwrap();
    drop(stream);
    seen.push(format!("{:?}", OutgoingBody::finish(body, None)));
    seen.push(response(&future));
    // Shorter than was announced.
    let wrong = post(&[("content-length", "50")]);
    let body = wrong.body().unwrap();
    let future = handle(wrong, None).unwrap();
    seen.push(format!("{:?}", OutgoingBody::finish(body, None)));
    seen.push(response(&future));
    // Never finished.
    let cut = post(&[]);
    let body = cut.body().unwrap();
    let future = handle(cut, None).unwrap();
    drop(body);
    seen.push(response(&future));
    // With trailers.
    let trailing = post(&[]);
    let body = trailing.body().unwrap();
    let future = handle(trailing, None).unwrap();
    let trailers = Fields::new();
    trailers.append("x", b"y").unwrap();
    seen.push(format!("{:?}", OutgoingBody::finish(body, Some(trailers))));
    seen.push(response(&future));
    seen
}

fn late_body() -> Vec<String> {
    // The whole body is written, and finished, before the request is handed over.
    let request = post(&[]);
    let body = request.body().unwrap();
    let stream = body.write().unwrap();
    stream.blocking_write_and_flush(b"early").unwrap();
    drop(stream);
    OutgoingBody::finish(body, None).unwrap();
    vec![response(&handle(request, None).unwrap())]
}

fn abandoned() -> Vec<String> {
    // Nobody waits for the response; the one after it comes all the same.
    let first = post(&[]);
    drop(handle(first, None).unwrap());
    let second = post(&[]);
    let body = second.body().unwrap();
    let future = handle(second, None).unwrap();
    let pollable = future.subscribe();
    OutgoingBody::finish(body, None).unwrap();
    drop(future);
    pollable.block();
    drop(pollable);
    vec![response(&handle(post(&[]), None).unwrap())]
}

fn long_body() -> Vec<String> {
    let request = post(&[]);
    let body = request.body().unwrap();
    let stream = body.write().unwrap();
    for _ in 0..10_000 {
        stream.blocking_write_and_flush(&[b'x'; 4096]).unwrap();
    }
    Vec::new()
}

fn many_fields() -> Vec<String> {
    let fields = Fields::new();
    loop {
        fields.append("x", &[b'a'; 60_000]).unwrap();
    }
}

fn waiting_before_the_body() -> Vec<String> {
    let request = post(&[]);
    let _body = request.body().unwrap();
    vec![response(&handle(request, None).unwrap())]
}
