//! Does with Rust's standard library what an inferlet may do of WASI, and prints what it saw. The host compares the text of two runs, and with
//! what it expects. What must hold whatever the text is asserted here, so a failure is a panic with a line.

use inferlet::Result;
use serde::Deserialize;
use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

#[derive(Deserialize)]
struct Input {
    /// What to do at the end: `answer`, `exit`, `panic`, or `leave` a file.
    then: String,
}

#[inferlet::main]
async fn main(input: Input) -> Result<String> {
    let probes: &[(&str, fn())] = &[
        ("environment", environment),
        ("time", time),
        ("random", random),
        ("stdin", stdin),
        ("files", files),
        ("directories", directories),
        ("links", links),
        ("walls", walls),
        ("space", space),
    ];
    for (name, probe) in probes {
        println!("[{name}]");
        probe();
    }
    eprintln!("then: {}", input.then);
    match input.then.as_str() {
        "exit" => std::process::exit(3),
        "panic" => panic!("as it was asked"),
        "leave" => {
            fs::create_dir_all("/scratch/shelf/empty").unwrap();
            fs::write("/scratch/shelf/a loaf.txt", "rye\n").unwrap();
            Ok("left".to_owned())
        }
        _ => Ok("done".to_owned()),
    }
}

fn environment() {
    for (name, value) in std::env::vars() {
        println!("{name}={value}");
    }
    println!("{} arguments", std::env::args().len());
}

fn time() {
    let (start, date) = (Instant::now(), SystemTime::now());
    std::thread::sleep(Duration::from_secs(3600));
    println!("{:?} later", start.elapsed());
    println!("{:?} by the calendar", date.elapsed().unwrap());
    println!("since {} s", date.duration_since(UNIX_EPOCH).unwrap().as_secs());
}

fn random() {
    let order: HashMap<u32, ()> = (0..8).map(|number| (number, ())).collect();
    println!("{:?}", order.keys().collect::<Vec<_>>());
}

fn stdin() {
    let mut text = String::new();
    println!("{} bytes", io::stdin().read_to_string(&mut text).unwrap());
}

fn files() {
    let path = Path::new("/scratch/a.txt");
    fs::write(path, "one\ntwo\n").unwrap();
    let mut file = OpenOptions::new().append(true).open(path).unwrap();
    file.write_all(b"three\n").unwrap();
    file.flush().unwrap();
    let lines: Vec<String> =
        BufReader::new(File::open(path).unwrap()).lines().map(|line| line.unwrap()).collect();
    println!("{lines:?}");

    let mut file = OpenOptions::new().read(true).write(true).open(path).unwrap();
    assert_eq!(file.seek(SeekFrom::End(-6)).unwrap(), 8);
    file.write_all(b"THREE").unwrap();
    assert_eq!(file.seek(SeekFrom::Start(4)).unwrap(), 4);
    let mut word = [0; 3];
    file.read_exact(&mut word).unwrap();
    println!("{}", String::from_utf8_lossy(&word));
    assert_eq!(file.stream_position().unwrap(), 7);
    file.set_len(5).unwrap();
    println!("{:?}", fs::read_to_string(path).unwrap());
    assert_eq!(file.metadata().unwrap().len(), 5);

    let big: Vec<u8> = (0..3_000_000u32).map(|number| (number % 251) as u8).collect();
    let mut writer = BufWriter::new(File::create("/scratch/big").unwrap());
    writer.write_all(&big).unwrap();
    writer.into_inner().unwrap().sync_all().unwrap();
    assert!(fs::read("/scratch/big").unwrap() == big, "the big file is not what was written");
    assert_eq!(fs::copy("/scratch/big", "/scratch/copy").unwrap(), big.len() as u64);
    fs::rename("/scratch/copy", "/scratch/big").unwrap();
    assert!(fs::read("/scratch/big").unwrap() == big, "the copy is not what was copied");
    fs::remove_file("/scratch/big").unwrap();

    let modified = fs::metadata(path).unwrap().modified().unwrap();
    println!("modified at {} s", modified.duration_since(UNIX_EPOCH).unwrap().as_secs());
    let earlier = UNIX_EPOCH + Duration::from_secs(1000);
    file.set_modified(earlier).unwrap();
    assert_eq!(fs::metadata(path).unwrap().modified().unwrap(), earlier);
    File::create_new(path).unwrap_err();
    println!("{:?}", OpenOptions::new().read(true).open("/scratch/none").unwrap_err().kind());
}

fn directories() {
    fs::create_dir_all("/scratch/x/y/z").unwrap();
    fs::create_dir_all("/scratch/x/y/z").unwrap();
    for name in ["c", "a", "b"] {
        fs::write(format!("/scratch/x/{name}"), name).unwrap();
    }
    let names: Vec<_> = fs::read_dir("/scratch/x").unwrap().map(|entry| entry.unwrap().file_name()).collect();
    println!("{names:?}");
    let kinds = fs::read_dir("/scratch/x").unwrap().map(|entry| entry.unwrap().file_type().unwrap().is_dir());
    println!("{:?}", kinds.collect::<Vec<_>>());
    fs::remove_dir("/scratch/x").unwrap_err();
    fs::rename("/scratch/x/y", "/scratch/moved").unwrap();
    assert!(fs::metadata("/scratch/moved/z").unwrap().is_dir());
    fs::remove_dir("/scratch/moved/z").unwrap();
    fs::remove_dir_all("/scratch/x").unwrap();
    fs::remove_dir_all("/scratch/moved").unwrap();
    assert!(!fs::exists("/scratch/x").unwrap());
    // Many, with a directory deeper than a single read of entries.
    for number in 0..500 {
        fs::create_dir_all(format!("/scratch/many/{number:03}/inner")).unwrap();
    }
    println!("{} entries", fs::read_dir("/scratch/many").unwrap().count());
    fs::remove_dir_all("/scratch/many").unwrap();
    let left: Vec<_> = fs::read_dir("/scratch").unwrap().map(|entry| entry.unwrap().file_name()).collect();
    println!("{left:?}");
}

fn links() {
    fs::hard_link("/scratch/a.txt", "/scratch/b.txt").unwrap();
    fs::write("/scratch/b.txt", "through the other name").unwrap();
    println!("{}", fs::read_to_string("/scratch/a.txt").unwrap());
    fs::remove_file("/scratch/b.txt").unwrap();
    fs::read_link("/scratch/a.txt").unwrap_err();
}

fn walls() {
    for path in
        ["/etc/passwd", "/scratch/../etc/passwd", "/scratch/../../x", "relative.txt", "/scratch/a.txt/inner"]
    {
        File::open(path).expect_err(path);
        fs::write(path, "x").expect_err(path);
    }
}

/// "I/O error", as `wasi-libc` numbers it.
const EIO: i32 = 29;

fn space() {
    let mut file = File::create("/scratch/full").unwrap();
    let chunk = vec![1; 1 << 20];
    let mut written = 0;
    let error = loop {
        match file.write(&chunk) {
            Ok(bytes) => written += bytes,
            Err(error) => break error,
        }
    };
    // The C library that comes with Rust 1.95 does not ask what went wrong with a write.
    let is_unspecific = error.raw_os_error() == Some(EIO);
    assert!(error.kind() == ErrorKind::StorageFull || is_unspecific, "{error:?}");
    println!("{} MiB, then no more", written >> 20);
    fs::remove_file("/scratch/a.txt").unwrap();
    file.set_len(10).unwrap();
    file.seek(SeekFrom::End(0)).unwrap();
    file.write_all(b"goes on").unwrap();
    println!("{} bytes", file.metadata().unwrap().len());
    file.set_len(0).unwrap();
}
