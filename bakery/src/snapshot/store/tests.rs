use super::*;

fn snapshot(content: &str) -> Snapshot {
    let conditions = [("model", "dummy"), ("model-digest", "0123456789abcdef"), ("seed", "7")];
    let conditions = conditions.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    Snapshot {
        source: "Pie.toml".into(),
        case: "greets[name=Ada]".into(),
        conditions: Conditions(conditions),
        content: content.into(),
    }
}

fn key() -> Key {
    Key { stem: "greets@name=Ada".into(), layer: Layer::Output }
}

#[test]
fn a_snapshot_is_written_as_insta_writes_it_and_read_back() {
    let it = snapshot("answer\n  Hello: \"Ada\"\n\n  ---\n  bye");
    insta::assert_snapshot!(it.to_string(), @r#"
    ---
    source: Pie.toml
    expression: "greets[name=Ada]"
    info:
      model: dummy
      model-digest: "0123456789abcdef"
      seed: 7
    ---
    answer
      Hello: "Ada"

      ---
      bye
    "#);
    assert_eq!(format::parse(it.to_string().into_bytes()), Parsed::Snapshot(it.clone()));
    let windows = it.to_string().replace('\n', "\r\n");
    assert_eq!(format::parse(windows.into_bytes()), Parsed::Snapshot(it));
}

#[test]
fn insta_reads_what_is_written_and_what_insta_writes_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let project = folder.path();
    let it = snapshot("answer\n  Hello\n\n  \"trailing \"");
    Folder::open(project).unwrap().propose(&key(), &it).unwrap();
    let path = Folder::open(project).unwrap().pending_path(&key());
    let read = insta::Snapshot::from_file(&path).unwrap();
    assert_eq!(read.metadata().source(), Some("Pie.toml"));
    assert_eq!(read.metadata().expression(), Some("greets[name=Ada]"));
    assert_eq!(read.as_text().unwrap().to_string(), it.content);
    // As `cargo insta accept` does it.
    read.save(&Folder::open(project).unwrap().accepted_path(&key())).unwrap();
    assert_eq!(Folder::open(project).unwrap().accepted(&key()).unwrap(), Parsed::Snapshot(it));
}

#[test]
fn what_is_no_snapshot_is_told_apart_and_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FOLDER).join("greets@name=Ada.output.snap");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let good = snapshot("answer").to_string();
    let conflict = good.replace("answer", "<<<<<<< HEAD\nanswer\n=======\nother\n>>>>>>> theirs");
    let cut = good.split_once("info").unwrap().0;
    for (text, expected) in [
        (conflict.as_str(), Parsed::Conflict(9)),
        ("", Parsed::Broken { line: 1, why: "it does not begin with `---`".into() }),
        ("answer\n", Parsed::Broken { line: 1, why: "it does not begin with `---`".into() }),
        (cut, Parsed::Broken { line: 3, why: "its head has no end".into() }),
        ("---\nsource\n---\n", Parsed::Broken { line: 2, why: "it is no `key: value`".into() }),
        ("---\nsource: \"a\n---\n", Parsed::Broken { line: 2, why: "a quote is not closed".into() }),
    ] {
        std::fs::write(&path, text).unwrap();
        assert_eq!(Folder::open(folder.path()).unwrap().accepted(&key()).unwrap(), expected, "{text}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }
    assert_eq!(format::parse(vec![0xff]), Parsed::Broken { line: 1, why: "it is not UTF-8 text".into() });
}

#[test]
fn accepting_replaces_and_rejecting_leaves_what_was_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Folder::open(folder.path()).unwrap();
    open().accept(&key(), &snapshot("old")).unwrap();
    open().propose(&key(), &snapshot("new")).unwrap();
    assert!(open().is_pending(&key()));
    open().reject_pending(&key()).unwrap();
    assert_eq!(open().accepted(&key()).unwrap(), Parsed::Snapshot(snapshot("old")));
    open().propose(&key(), &snapshot("new")).unwrap();
    open().accept_pending(&key()).unwrap();
    assert_eq!(open().accepted(&key()).unwrap(), Parsed::Snapshot(snapshot("new")));
    assert_eq!(open().all_pending(), []);
    assert!(open().accept_pending(&key()).unwrap_err().message.contains("has gone"));
}

#[test]
fn only_files_of_bakery_can_be_obsolete() {
    let folder = tempfile::tempdir().unwrap();
    let snapshots = folder.path().join(FOLDER);
    std::fs::create_dir_all(&snapshots).unwrap();
    for name in
        ["gone.output.snap", "gone.events.snap.new", "there.output.snap", "crate__test.snap", "notes.md"]
    {
        std::fs::write(snapshots.join(name), "").unwrap();
    }
    let there = BTreeSet::from([Key { stem: "there".into(), layer: Layer::Output }]);
    let obsolete = Folder::open(folder.path()).unwrap().obsolete(&there);
    assert_eq!(obsolete, ["gone.events.snap.new", "gone.output.snap"]);
}

#[test]
fn conditions_that_differ_are_named() {
    let conditions = |values: &[(&str, &str)]| {
        Conditions(values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    };
    let accepted = conditions(&[("model", "dummy"), ("seed", "7")]);
    assert_eq!(accepted.differ(&accepted), None);
    let now = conditions(&[("model", "qwen"), ("seed", "7"), ("kernel", "avx2")]);
    assert_eq!(
        accepted.differ(&now).unwrap(),
        "model was `dummy` and is `qwen`, kernel was not said and is `avx2`"
    );
}

proptest::proptest! {
    #[test]
    fn any_text_is_read_without_a_panic_and_any_content_comes_back(text in "\\PC*", source in "\\PC{0,20}") {
        format::parse(text.clone().into_bytes());
        let content = text.trim_end().to_owned();
        let it = Snapshot { source, case: "case".into(), conditions: Conditions::default(), content };
        proptest::prop_assert_eq!(format::parse(it.to_string().into_bytes()), Parsed::Snapshot(it));
    }

    #[test]
    fn lines_of_anything_are_read_without_a_panic(lines in proptest::collection::vec("[-a-z:\"' \\\\]{0,12}", 0..8)) {
        format::parse(lines.join("\n").into_bytes());
    }
}
