//! `--encoding`: the same text, however its bytes are.

use encoding_rs::{ISO_8859_15, WINDOWS_1252};

use super::{records, run, translate};

const TEXT: &str = "Grüße aus Köln! Das Öl kostet 5 € mehr.\r\n\r\nÄrger.\r\n";

fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(bytes).collect()
}

#[test]
fn every_encoding_of_a_text_has_the_same_records() {
    let records = |arguments: &[&str], input: &[u8]| {
        let all = [&["--format", "jsonl"], arguments].concat();
        let done = translate(&all, input);
        assert_eq!(done.code, 0, "{arguments:?}: {}", done.stderr);
        done.stdout
    };
    let expected = records(&[], TEXT.as_bytes());
    for record in super::records(&expected) {
        let bound = |index: usize| usize::try_from(record["source_span"][index].as_u64().unwrap());
        let span = bound(0).unwrap()..bound(1).unwrap();
        assert_eq!(record["source"], TEXT[span], "spans count in UTF-8");
    }
    let marked = format!("\u{feff}{TEXT}");
    for (name, bytes) in [
        ("utf-8", TEXT.as_bytes().to_vec()),
        ("auto", utf16(&marked, u16::to_le_bytes)),
        ("auto", utf16(&marked, u16::to_be_bytes)),
        ("windows-1252", utf16(&marked, u16::to_be_bytes)),
        ("utf-16le", utf16(TEXT, u16::to_le_bytes)),
        ("UTF-16BE", utf16(TEXT, u16::to_be_bytes)),
        ("windows-1252", WINDOWS_1252.encode(TEXT).0.into_owned()),
        ("latin1", WINDOWS_1252.encode(TEXT).0.into_owned()),
        ("iso-8859-15", ISO_8859_15.encode(TEXT).0.into_owned()),
    ] {
        assert_eq!(records(&["--encoding", name], &bytes), expected, "{name}");
    }
}

#[test]
fn other_commands_read_encodings_as_well() {
    let (bytes, _, _) = WINDOWS_1252.encode(TEXT);
    let expected = run(&["segment"], TEXT).stdout;
    let done = run(&["segment", "--encoding", "cp1252"], &bytes);
    assert_eq!(done.stdout, expected, "{}", done.stderr);
    let tokenize = ["tokenize", "--model", "builtin", "--encoding", "cp1252"];
    let done = run(&tokenize, &bytes);
    assert_eq!(
        done.stdout,
        run(&tokenize[..3], TEXT).stdout,
        "{}",
        done.stderr
    );
}

#[test]
fn bytes_that_are_no_text_are_named_with_their_place_and_a_way_out() {
    for (arguments, bytes, messages) in [
        (
            &["segment"][..],
            &b"Gr\xfc\xdfe"[..],
            [
                "standard input: invalid UTF-8 at byte 2 ",
                "--encoding windows-1252",
            ],
        ),
        (
            &["segment", "--encoding", "shift_jis"],
            b"abc\n\x81",
            ["standard input: invalid Shift_JIS at byte 4 ", "--encoding"],
        ),
        (
            &["tokenize", "--model", "builtin"],
            b"\xff\xfea\0\0\xd8a\0",
            ["standard input: invalid UTF-16LE at byte 4 ", "--encoding"],
        ),
    ] {
        let done = run(arguments, bytes);
        assert_eq!(done.code, 4, "{}", done.stderr);
        for message in messages {
            assert!(done.stderr.contains(message), "{}", done.stderr);
        }
    }
    let done = run(&["segment", "--encoding", "utf-9"], "");
    assert_eq!(done.code, 2);
    assert!(
        done.stderr.contains("did you mean `UTF-8`?"),
        "{}",
        done.stderr
    );
}

#[test]
fn what_stands_before_bad_bytes_is_translated() {
    let text = b"Guten Morgen.\n\nGute Nacht.\n\n\xff";
    let done = translate(&["--format", "jsonl"], text);
    assert_eq!(done.code, 4, "{}", done.stderr);
    assert!(done.stderr.contains("at byte 28 "), "{}", done.stderr);
    let done = translate(&["--format", "jsonl", "--lines"], b"Ja.\nNein.\nJa\xff.");
    assert!(done.stderr.contains("at byte 12 "), "{}", done.stderr);
    assert!(records(&done.stdout).len() <= 2);
}
