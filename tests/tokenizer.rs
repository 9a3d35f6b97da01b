//! The tokenizer against SentencePiece 0.2.3, whose results
//! `scripts/fixtures/tokenizer.py` wrote to `tests/fixtures/tokenizer`.

use std::fs;
use std::path::{Path, PathBuf};

use dolmetsch::{Encoding, NamedBytes, Normalization, Span, TokenId, Tokenizer, TokenizerFiles};
use proptest::prelude::*;

const MODELS: [&str; 9] = [
    "nmt_nfkc",
    "byte_fallback",
    "user_defined",
    "spaces_kept",
    "no_dummy_prefix",
    "bare",
    "suffix",
    "unk_surface",
    "unused",
];

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/tokenizer")
        .join(name)
}

/// A model on both sides, with the fixtures' one vocab.json.
fn tokenizer(model: &str) -> Tokenizer {
    let (spm_path, vocab_path) = (fixture(&format!("{model}.spm")), fixture("vocab.json"));
    let spm = fs::read(&spm_path).unwrap();
    let vocab = fs::read(&vocab_path).unwrap();
    Tokenizer::from_files(TokenizerFiles {
        source_spm: NamedBytes::new(&spm_path, &spm),
        target_spm: NamedBytes::new(&spm_path, &spm),
        vocab: NamedBytes::new(&vocab_path, &vocab),
        target_vocab: None,
    })
    .unwrap()
}

/// A folder with the files that `change` leaves as they should be.
fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}

fn texts(encoding: &Encoding, text: &str) -> Vec<String> {
    let spans = encoding.spans.iter();
    spans.map(|span| span.of(text).to_owned()).collect()
}

#[test]
fn pieces_ids_and_text_are_those_of_sentencepiece() {
    for model in MODELS {
        let tokenizer = tokenizer(model);
        let cases = fs::read_to_string(fixture(&format!("{model}.jsonl"))).unwrap();
        for case in cases.lines() {
            let (text, mut pieces, mut ids, decoded): (String, Vec<String>, Vec<TokenId>, String) =
                serde_json::from_str(case).unwrap();
            assert_eq!(
                tokenizer.decode_target(&ids).text,
                decoded,
                "{model} {ids:?}"
            );
            pieces.push("</s>".to_owned());
            ids.push(tokenizer.eos());
            let encoding = tokenizer.encode_source(&text, None).unwrap();
            assert_eq!(encoding.pieces, pieces, "{model} {text:?}");
            assert_eq!(encoding.ids, ids, "{model} {text:?}");
            assert_eq!(encoding, tokenizer.encode_target(&text), "{model} {text:?}");
            check_spans(&encoding, &text);
        }
    }
}

/// SentencePiece counts anew past a score of -100,000, which decides ties.
#[test]
fn a_long_text_has_the_pieces_of_sentencepiece() {
    #[derive(serde::Deserialize)]
    struct Expected {
        tokens: usize,
        fnv1a: String,
    }
    let expected = fs::read_to_string(fixture("long.json")).unwrap();
    let expected: Expected = serde_json::from_str(&expected).unwrap();
    let cases = fs::read_to_string(fixture("nmt_nfkc.jsonl")).unwrap();
    let texts: Vec<String> = cases
        .lines()
        .map(|case| {
            let case: serde_json::Value = serde_json::from_str(case).unwrap();
            case[0].as_str().unwrap().to_owned()
        })
        .collect();
    let long = vec![texts.join(" "); 40].join(" ");
    let encoding = tokenizer("nmt_nfkc").encode_source(&long, None).unwrap();
    let (_, pieces) = encoding.pieces.split_last().unwrap();
    assert_eq!(pieces.len(), expected.tokens);
    let hash = pieces
        .join("\n")
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    assert_eq!(format!("{hash:016x}"), expected.fnv1a);
}

/// Spans are monotone, on character boundaries, and end where the text ends.
fn check_spans(encoding: &Encoding, text: &str) {
    assert_eq!(encoding.spans.len(), encoding.ids.len());
    assert_eq!(encoding.spans.len(), encoding.pieces.len());
    assert_eq!(
        encoding.spans.last(),
        Some(&Span::new(text.len(), text.len()))
    );
    for pair in encoding.spans.windows(2) {
        assert!(
            pair[0].start <= pair[1].start && pair[0].end <= pair[1].end,
            "{text:?} {pair:?}"
        );
    }
    for span in &encoding.spans {
        assert!(text.get(span.range()).is_some(), "{text:?} {span:?}");
    }
}

#[test]
fn spans_point_to_the_untouched_text() {
    let tokenizer = tokenizer("nmt_nfkc");
    for (text, expected) in [
        ("  der   Zug  ", "der|Z|u|g"),
        // Decomposed: a span takes all marks of its letter.
        (
            "tru\u{031b}o\u{031b}\u{0300}ng",
            "tr|u\u{031b}o\u{031b}\u{0300}n|g",
        ),
        // Ligatures and fractions: pieces share the character they come from.
        ("ﬁn ½", "ﬁ|n|½|½|½"),
        // Deleted characters are in no span, a run of unknown ones is one.
        ("a\u{7}漢字\u{7}b", "a|漢字|b"),
        ("\u{7}", ""),
        ("", ""),
    ] {
        let encoding = tokenizer.encode_source(text, None).unwrap();
        let visible: Vec<String> = texts(&encoding, text)
            .into_iter()
            .filter(|text| !text.trim().is_empty())
            .collect();
        assert_eq!(visible.join("|"), expected, "{text:?}");
    }
}

#[test]
fn a_space_alone_has_its_own_span_and_a_dummy_prefix_none() {
    let tokenizer = tokenizer("nmt_nfkc");
    let text = "漢 字";
    let encoding = tokenizer.encode_source(text, None).unwrap();
    assert_eq!(encoding.pieces, ["▁", "漢", "▁", "字", "</s>"]);
    assert_eq!(texts(&encoding, text), ["", "漢", " ", "字", ""]);
}

#[test]
fn control_tokens_in_the_text_are_text() {
    let tokenizer = tokenizer("nmt_nfkc");
    for text in ["</s>", "<pad>", ">>vie<< Zug", "a <unk> b"] {
        let encoding = tokenizer.encode_source(text, None).unwrap();
        let (eos, before) = encoding.ids.split_last().unwrap();
        assert_eq!(*eos, tokenizer.eos());
        assert!(!before.contains(&tokenizer.eos()), "{text}");
        assert!(!before.contains(&tokenizer.pad()), "{text}");
        assert!(before.len() > 2, "{text}");
    }
}

#[test]
fn a_tag_is_the_first_token_with_an_empty_span() {
    let tokenizer = tokenizer("nmt_nfkc");
    let plain = tokenizer.encode_source("Zug", None).unwrap();
    let tagged = tokenizer.encode_source("Zug", Some(">>vie<<")).unwrap();
    assert_eq!(tagged.pieces[0], ">>vie<<");
    assert_eq!(tagged.spans[0], Span::new(0, 0));
    assert_eq!(tagged.ids[1..], plain.ids[..]);
    assert_eq!(tokenizer.decode_target(&tagged.ids).text, "Zug");
}

#[test]
fn an_unknown_tag_is_refused_with_those_that_exist() {
    let error = tokenizer("nmt_nfkc")
        .encode_source("Zug", Some(">>fra<<"))
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the model has no tag >>fra<<; it has >>eng<<, >>vie<<"
    );
}

#[test]
fn decoded_spans_follow_each_other_and_any_id_decodes() {
    let tokenizer = tokenizer("byte_fallback");
    let mut ids = tokenizer.encode_target("Zug 漢 nach Köln").ids;
    ids.extend([tokenizer.pad(), tokenizer.unk(), 1_000_000, TokenId::MAX]);
    let decoded = tokenizer.decode_target(&ids);
    assert_eq!(decoded.spans.len(), ids.len());
    let mut end = 0;
    for span in &decoded.spans {
        assert_eq!(span.start, end);
        end = span.end;
    }
    assert_eq!(end, decoded.text.len());
    assert!(decoded.text.ends_with(" ⁇  ⁇  ⁇ "), "{}", decoded.text);
}

#[test]
fn json_has_ids_pieces_and_pairs_of_bytes() {
    let encoding = Encoding {
        ids: vec![5, 0],
        pieces: vec!["▁Ä".to_owned(), "</s>".to_owned()],
        spans: vec![Span::new(0, 2), Span::new(2, 2)],
    };
    assert_eq!(
        serde_json::to_string(&encoding).unwrap(),
        r#"{"ids":[5,0],"pieces":["▁Ä","</s>"],"spans":[[0,2],[2,2]]}"#
    );
}

#[test]
fn training_normalisation_keeps_spans_in_the_original() {
    let tokenizer = tokenizer("bare").with_normalization(Normalization::Moses);
    let text = "“a”…\u{ad}b。  c";
    let encoding = tokenizer.encode_source(text, None).unwrap();
    let expected = tokenizer.encode_source("\"a\"... b. c", None).unwrap();
    assert_eq!(encoding.ids, expected.ids);
    check_spans(&encoding, text);
    let covered: String = texts(&encoding, text).concat();
    assert!(covered.contains('“') && covered.contains("。"), "{covered}");
}

#[test]
fn a_missing_file_is_named_with_what_a_folder_needs() {
    let spm = fs::read(fixture("bare.spm")).unwrap();
    let folder = folder(&[("source.spm", &spm), ("target.spm", &spm)]);
    let error = Tokenizer::from_folder(folder.path())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("vocab.json: there is no such file"),
        "{error}"
    );
    assert!(
        error.contains("needs source.spm, target.spm and vocab.json"),
        "{error}"
    );
}

#[test]
fn a_folder_without_vocabulary_has_the_ids_of_sentencepiece() {
    let spm = fs::read(fixture("bare.spm")).unwrap();
    let folder = folder(&[("source.spm", &spm), ("target.spm", &spm)]);
    let tokenizer = Tokenizer::from_spm_only(folder.path()).unwrap();
    assert_eq!((tokenizer.unk(), tokenizer.eos()), (0, 2));
    let encoding = tokenizer.encode_source("a漢", None).unwrap();
    assert_eq!(encoding.pieces, ["a", "漢", "</s>"]);
    assert_eq!(encoding.ids[1..], [0, 2]);
    assert_eq!(tokenizer.decode_source(&encoding.ids).text, "a ⁇ ");
}

#[test]
fn a_target_vocabulary_counts_only_where_the_configuration_says_so() {
    let spm = fs::read(fixture("bare.spm")).unwrap();
    let vocab = r#"{"</s>":0,"<unk>":1,"a":2,"<pad>":3}"#;
    let target = r#"{"</s>":0,"<unk>":1,"b":2,"a":3,"<pad>":4}"#;
    for (config, expected) in [
        (r#"{"separate_vocabs": true}"#, 3),
        (r#"{"separate_vocabs": false}"#, 2),
        (r#"{"separate_vocabs": null}"#, 2),
        ("{}", 2),
    ] {
        let folder = folder(&[
            ("source.spm", &spm),
            ("target.spm", &spm),
            ("vocab.json", vocab.as_bytes()),
            ("target_vocab.json", target.as_bytes()),
            ("tokenizer_config.json", config.as_bytes()),
        ]);
        let tokenizer = Tokenizer::from_folder(folder.path()).unwrap();
        assert_eq!(tokenizer.encode_source("a", None).unwrap().ids, [2, 0]);
        assert_eq!(tokenizer.encode_target("a").ids, [expected, 0], "{config}");
        assert_eq!(tokenizer.decode_target(&[expected, 0]).text, "a");
    }
}

#[test]
fn a_tokenizer_is_shared_by_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Tokenizer>();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_text_has_sound_spans_and_decodes(text in any::<String>()) {
        for model in MODELS {
            for normalization in [Normalization::None, Normalization::Moses] {
                let tokenizer = cached(model).with_normalization(normalization);
                let encoding = tokenizer.encode_source(&text, None).unwrap();
                check_spans(&encoding, &text);
                let decoded = tokenizer.decode_source(&encoding.ids);
                prop_assert_eq!(decoded.spans.len(), encoding.ids.len());
            }
        }
    }

    #[test]
    fn every_visible_character_is_in_a_span(text in "[ -~äöüßÄÖÜ\u{300}-\u{303}\u{323}ấộữ漢字👍\u{1f3fd}…½ﬁ]{0,40}") {
        let encoding = cached("nmt_nfkc").encode_source(&text, None).unwrap();
        for (start, c) in text.char_indices().filter(|(_, c)| !c.is_whitespace()) {
            let inside = |span: &Span| span.start <= start && start + c.len_utf8() <= span.end;
            prop_assert!(encoding.spans.iter().any(inside), "{:?} {}", text, c);
        }
    }

    #[test]
    fn any_ids_decode(ids in prop::collection::vec(0_u32..4000, 0..20)) {
        for model in MODELS {
            let decoded = cached(model).decode_target(&ids);
            prop_assert_eq!(decoded.spans.len(), ids.len());
        }
    }
}

/// A copy of a tokenizer that is read once.
fn cached(model: &'static str) -> Tokenizer {
    use std::collections::HashMap;
    use std::sync::{LazyLock, Mutex};
    static LOADED: LazyLock<Mutex<HashMap<&'static str, Tokenizer>>> =
        LazyLock::new(Mutex::default);
    let mut loaded = LOADED.lock().unwrap();
    loaded
        .entry(model)
        .or_insert_with(|| tokenizer(model))
        .clone()
}
