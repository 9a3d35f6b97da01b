use proptest::prelude::*;

use super::VerbatimKind::{
    Code, Data, Email, Emoji, FileName, Handle, Hashtag, Identifier, Markup, Placeholder, Quantity,
    Symbol, Url,
};
use super::*;
use crate::alignment::{AlignmentPoint, words};

type Row = (&'static str, &'static [(VerbatimKind, &'static str)]);

const ADDRESSES: &[Row] = &[
    (
        "Quelle: https://hafenblatt.example/a_(b).",
        &[(Url, "https://hafenblatt.example/a_(b)")],
    ),
    (
        "Mehr (https://x.example/a_(b)).",
        &[(Url, "https://x.example/a_(b)")],
    ),
    (
        "Siehe „https://müller.example/straße“!",
        &[(Url, "https://müller.example/straße")],
    ),
    (
        "Unter http://x.example/?q=a%20b&c=1#d, oder?",
        &[(Url, "http://x.example/?q=a%20b&c=1#d")],
    ),
    (
        "www.nordlicht.example, bitte",
        &[(Url, "www.nordlicht.example")],
    ),
    (
        "[Karte](https://k.example/x) öffnen",
        &[(Url, "https://k.example/x")],
    ),
    ("<https://k.example> hilft", &[(Url, "https://k.example")]),
    (
        "FTP://ftp.example/datei ist alt",
        &[(Url, "FTP://ftp.example/datei")],
    ),
    (
        "faehre-nordlicht.example/fahrplan gilt.",
        &[(Url, "faehre-nordlicht.example/fahrplan")],
    ),
    ("Wie tagesschau.de meldet.", &[(Url, "tagesschau.de")]),
    ("Steht auf wetter.de.", &[(Url, "wetter.de")]),
    (
        "beispiel.de/seite.html laden",
        &[(Url, "beispiel.de/seite.html")],
    ),
    (
        "Auf beispiel.de:8080/x?y=1 warten",
        &[(Url, "beispiel.de:8080/x?y=1")],
    ),
    ("http:// allein ist keine.", &[]),
    ("www. ist auch keine.", &[]),
    (
        "Mail an max.muster@post.example.",
        &[(Email, "max.muster@post.example")],
    ),
    ("Mail:<a+b@c.example>, danke", &[(Email, "a+b@c.example")]),
    (
        "Er schrieb mailto:a@b.example heute",
        &[(Url, "mailto:a@b.example")],
    ),
    (
        "Von @hafenblatt mit #Küste geteilt.",
        &[(Handle, "@hafenblatt"), (Hashtag, "#Küste")],
    ),
    ("Platz #1 geht an Bremen.", &[]),
];

const FILES: &[Row] = &[
    ("Öffne bericht.pdf.", &[(FileName, "bericht.pdf")]),
    ("Das Bild IMG_0042.JPG fehlt", &[(FileName, "IMG_0042.JPG")]),
    ("In /etc/hosts steht es.", &[(FileName, "/etc/hosts")]),
    ("Nach /tmp kopiert", &[(FileName, "/tmp")]),
    (
        r"Liegt in C:\Temp\x.txt, oder?",
        &[(FileName, r"C:\Temp\x.txt")],
    ),
    (
        r"Auf \\server\ablage suchen",
        &[(FileName, r"\\server\ablage")],
    ),
    (
        "src/main.rs und README.md lesen",
        &[(FileName, "src/main.rs"), (FileName, "README.md")],
    ),
    (
        "Siehe (../docs/plan_v2.tar.gz).",
        &[(FileName, "../docs/plan_v2.tar.gz")],
    ),
    ("Abb.3.png zeigt das", &[(FileName, "Abb.3.png")]),
];

const CODES: &[Row] = &[
    (
        "Teil [[1]] von [[ende]].",
        &[(Placeholder, "[[1]]"), (Placeholder, "[[ende]]")],
    ),
    (
        "__PH0__ und __NAME_1__",
        &[(Placeholder, "__PH0__"), (Placeholder, "__NAME_1__")],
    ),
    ("Er [[sic!]] schrieb ____ und __init__.", &[]),
    ("Hallo {name}!", &[(Placeholder, "{name}")]),
    (
        "Hallo {{ user.name }}, {0} von {}",
        &[
            (Placeholder, "{{ user.name }}"),
            (Placeholder, "{0}"),
            (Placeholder, "{}"),
        ],
    ),
    (
        "Wert ${x} und $1 in $HOME",
        &[
            (Placeholder, "${x}"),
            (Placeholder, "$1"),
            (Placeholder, "$HOME"),
        ],
    ),
    ("Es kostet $100 oder $1,50.", &[]),
    (
        "%s hat %1$d Dateien, %-5.2f und %lu",
        &[
            (Placeholder, "%s"),
            (Placeholder, "%1$d"),
            (Placeholder, "%-5.2f"),
            (Placeholder, "%lu"),
        ],
    ),
    (
        "%(name)s grüßt %{ort}.",
        &[(Placeholder, "%(name)s"), (Placeholder, "%{ort}")],
    ),
    ("{siehe unten} ist Text", &[]),
    (
        "Das <b>rote</b> Boot<br/>",
        &[(Markup, "<b>"), (Markup, "</b>"), (Markup, "<br/>")],
    ),
    (
        "Ein <a href=\"x y\">Link</a>",
        &[(Markup, "<a href=\"x y\">"), (Markup, "</a>")],
    ),
    ("Wenn a <b und c> d ist", &[]),
    (
        "Kaffee&nbsp;& Kuchen &#160;",
        &[(Markup, "&nbsp;"), (Markup, "&#160;")],
    ),
    ("Rufe `git push` auf", &[(Code, "`git push`")]),
    ("Doppelt ``a ` b`` so", &[(Code, "``a ` b``")]),
    ("Ein ` allein", &[]),
];

const NUMBERS: &[Row] = &[
    ("Es sind 42 km.", &[(Quantity, "42 km")]),
    ("Genau 3,5\u{a0}GB frei", &[(Quantity, "3,5\u{a0}GB")]),
    (
        "Bei −20 °C und 12 % Feuchte",
        &[(Quantity, "−20 °C"), (Quantity, "12 %")],
    ),
    ("Nur 20 % der Leute", &[(Quantity, "20 %")]),
    (
        "Es gibt 5 kWh/m² und 10–20 km/h.",
        &[(Quantity, "5 kWh/m²"), (Quantity, "10–20 km/h")],
    ),
    ("Eine 50%ige Lösung, 5 m-Brett, 3-km-Lauf", &[]),
    ("Um 12:30 Uhr kommen 7 Boote am 3.10.2024", &[]),
    ("Das kostet 5 Euro, 5 € oder 1.000.000 EUR", &[]),
    (
        "Version v1.2.3 nach 2.0.1-beta.2",
        &[(Identifier, "v1.2.3"), (Identifier, "2.0.1-beta.2")],
    ),
    (
        "IBAN DE89 3704 0044 0532 0130 00 angeben",
        &[(Identifier, "DE89 3704 0044 0532 0130 00")],
    ),
    (
        "ISBN 978-3-16-148410-0 bestellen",
        &[(Identifier, "978-3-16-148410-0")],
    ),
    ("Ruf +49 30 1234567 an.", &[(Identifier, "+49 30 1234567")]),
    (
        "Oder (030) 1234567, 0171-1234567",
        &[(Identifier, "(030) 1234567"), (Identifier, "0171-1234567")],
    ),
    (
        "MD5 d41d8cd98f00b204e9800998ecf8427e, Commit 0xBA06C3A41C81FA67 und 1234567890123456",
        &[
            (Identifier, "d41d8cd98f00b204e9800998ecf8427e"),
            (Identifier, "0xBA06C3A41C81FA67"),
        ],
    ),
    (
        "Die id=550e8400-e29b-41d4-a716-446655440000 fehlt.",
        &[(Identifier, "550e8400-e29b-41d4-a716-446655440000")],
    ),
    (
        "Nicht d41d8cd98f00b204e9800998ecf8427eg, 550e8400-e29b-41d4-a716-44665544000",
        &[],
    ),
    (
        "Server 192.168.0.1 antwortet",
        &[(Identifier, "192.168.0.1")],
    ),
];

const PICTURES: &[Row] = &[
    ("Schön 😀!", &[(Emoji, "😀")]),
    ("Familie 👩‍👩‍👧 da", &[(Emoji, "👩‍👩‍👧")]),
    ("Gut👍🏽gemacht", &[(Emoji, "👍🏽")]),
    ("Für 🇩🇪🇻🇳 und 3️⃣", &[(Emoji, "🇩🇪🇻🇳"), (Emoji, "3️⃣")]),
    ("Herz ❤️ und ❤", &[(Emoji, "❤️"), (Symbol, "❤")]),
    (
        "Start → Ziel ★★ ✓",
        &[(Symbol, "→"), (Symbol, "★★"), (Symbol, "✓")],
    ),
    (
        "Toll :smile: und :+1 oder :thumbs_up:",
        &[(Emoji, ":smile:"), (Emoji, ":thumbs_up:")],
    ),
];

const WORDS: &[Row] = &[
    ("Das ist z.B. so, u.a. hier, d.h. dort.", &[]),
    ("Dr.Müller kam am 3.Oktober mit 5 Mio.Euro.", &[]),
    ("Das ist das Ende.Anfang und Schluss.Der Rest", &[]),
    ("Schüler/innen und/oder Eltern, km/h, 24/7", &[]),
    ("Lehrer:innen, Lehrer*innen, Bürger_innen", &[]),
    ("Müller & Söhne GmbH & Co.KG e.V.", &[]),
    ("Hin /oder her, 1/2 Liter", &[]),
    ("Er sagte: „Nein.“ Und ging …", &[]),
    ("Das war 2020 m. E. und 2021 m.E. besser.", &[]),
    ("", &[]),
];

#[test]
fn verbatim_strings_are_found_and_words_are_not() {
    let tables = [ADDRESSES, FILES, CODES, NUMBERS, PICTURES, WORDS];
    for &(sentence, expected) in tables.into_iter().flatten() {
        let found: Vec<_> = find(sentence)
            .into_iter()
            .map(|found| (found.kind, found.span.of(sentence)))
            .collect();
        assert_eq!(found, expected, "{sentence}");
    }
}

#[test]
fn tags_may_be_long() {
    let style = "color: red; ".repeat(300);
    for tag in [format!("<p style=\"{style}\">"), format!("<!-- {style}-->")] {
        let sentence = format!("Ein {tag}Absatz");
        let found: Vec<_> = find(&sentence)
            .into_iter()
            .map(|found| (found.kind, found.span.of(&sentence)))
            .collect();
        assert_eq!(found, [(Markup, &tag[..])]);
    }
}

#[test]
fn runs_that_are_longer_than_words_are_data() {
    let base64 = "iVBORw0KGgo+5m+/QAA".repeat(20) + "==";
    let json = r#"{"a":{},"b":[1.5,2]},"#.repeat(6);
    let compound = "Donaudampfschifffahrts".repeat(4);
    let url = format!("https://x.example/{}", "a".repeat(200));
    let leader = format!("Einleitung{}12", ".".repeat(100));
    let chinese = "德语句子没有空格".repeat(8);
    let data = |text: &str| vec![(Data, text.to_owned())];
    for (sentence, expected) in [
        (format!("Das Bild {base64} ist alt."), data(&base64)),
        (base64.clone(), data(&base64)),
        ("a".repeat(10_000), data(&"a".repeat(10_000))),
        (format!("Das {json} ist JSON"), data(&json)),
        (
            format!("<b>{base64}</b> (3 km)"),
            vec![
                (Markup, "<b>".to_owned()),
                (Data, base64.clone()),
                (Markup, "</b>".to_owned()),
                (Quantity, "3 km".to_owned()),
            ],
        ),
        (format!("({url})."), vec![(Url, url.clone())]),
        (format!("Die {compound} fährt"), vec![]),
        (leader, vec![]),
        (chinese, vec![]),
    ] {
        let found: Vec<_> = find(&sentence)
            .into_iter()
            .map(|found| (found.kind, found.span.of(&sentence).to_owned()))
            .collect();
        assert_eq!(found, expected, "{sentence}");
    }
}

#[test]
fn prose_is_what_lies_between() {
    let rows: [(&str, &[&str]); 6] = [
        ("Quelle: https://x.example", &["Quelle:"]),
        ("Siehe (https://x.example). Danke!", &["Siehe", "Danke!"]),
        ("https://x.example", &[]),
        ("{a} – {b}", &[]),
        ("Ganz ohne.", &["Ganz ohne."]),
        (" Von {a} nach\n{b} reisen. ", &["Von", "nach", "reisen."]),
    ];
    for (sentence, expected) in rows {
        let pieces = prose(sentence, &find(sentence));
        let pieces: Vec<_> = pieces.into_iter().map(|piece| piece.of(sentence)).collect();
        assert_eq!(pieces, expected, "{sentence}");
    }
}

/// Links between words by index, `source-target`, with score 0.5.
fn links(source: &str, target: &str, pharaoh: &str) -> Vec<AlignmentPoint> {
    let (source, target) = (words(source), words(target));
    pharaoh
        .split_whitespace()
        .map(|link| {
            let (from, to) = link.split_once('-').expect("i-j");
            AlignmentPoint {
                source: source[from.parse::<usize>().expect("a number")],
                target: target[to.parse::<usize>().expect("a number")],
                score: 0.5,
            }
        })
        .collect()
}

fn restored(source: &str, target: &str, pharaoh: &str) -> Restored {
    let scores = vec![-1.0; words(target).len()];
    restore(
        source,
        &find(source),
        target,
        &links(source, target, pharaoh),
        &scores,
    )
}

#[test]
fn what_is_there_is_left_alone() {
    let rows = [
        ("Siehe x.example.", "See x.example.", ""),
        ("Siehe x.example.", "See x.example, x.example.", ""),
        ("{a} und {a}", "{a} and {a}", ""),
        ("Nichts", "", ""),
    ];
    for (source, target, pharaoh) in rows {
        assert_eq!(
            restored(source, target, pharaoh),
            Restored::Intact,
            "{source}"
        );
    }
}

#[test]
fn what_is_mangled_is_put_back_through_the_alignment() {
    let rows = [
        // source, target, links, repaired, its links
        (
            "Siehe https://x.example/a heute.",
            "See htps: //x.exam today.",
            "0-0 1-1 1-2 2-3",
            "See https://x.example/a today.",
            "0-0 1-1 2-2",
        ),
        (
            "{a} mag {a} sehr",
            "{a} likes one very much",
            "0-0 1-1 2-2 3-3 3-4",
            "{a} likes {a} very much",
            "0-0 1-1 2-2 3-3 3-4",
        ),
        // An unlinked fragment between, brackets of the source, the target's full stop.
        (
            "Gut (wetter.de).",
            "Good weather . de.",
            "0-0 1-1 1-3",
            "Good (wetter.de).",
            "0-0 1-1",
        ),
        (
            "Auf wetter.de. Danke",
            "Thanks at weather",
            "0-1 1-2 2-0",
            "Thanks at wetter.de",
            "2-0 0-1 1-2",
        ),
        (
            "Es sind 12 % davon",
            "There are 12% of it",
            "0-0 1-1 2-2 3-2 4-3 4-4",
            "There are 12 % of it",
            "0-0 1-1 2-2 3-3 4-4 4-5",
        ),
    ];
    for (source, target, pharaoh, expected, expected_links) in rows {
        let Restored::Repaired(repaired) = restored(source, target, pharaoh) else {
            panic!("not repaired: {source}");
        };
        assert_eq!(repaired.target, expected);
        let spans = |points: &[AlignmentPoint]| -> Vec<(Span, Span)> {
            points
                .iter()
                .map(|point| (point.source, point.target))
                .collect()
        };
        let expected_links = links(source, expected, expected_links);
        assert_eq!(
            spans(&repaired.alignment),
            spans(&expected_links),
            "{source}"
        );
        assert_eq!(repaired.word_scores.len(), words(expected).len());
    }
}

#[test]
fn what_no_contiguous_words_are_linked_to_is_lost() {
    let rows = [
        ("Siehe wetter.de heute", "See today", "0-0 2-1", "wetter.de"),
        (
            "Siehe wetter.de heute",
            "we see er.de",
            "0-1 1-0 1-2",
            "wetter.de",
        ),
        // The word holds prose, which a copy would leave untranslated.
        ("Neuer #Hafen-Bericht", "New report", "0-0 1-1", "#Hafen"),
        ("x.example", "", "", "x.example"),
    ];
    for (source, target, pharaoh, expected) in rows {
        let Restored::Lost(lost) = restored(source, target, pharaoh) else {
            panic!("not lost: {source}");
        };
        let lost: Vec<_> = lost.iter().map(|lost| lost.span.of(source)).collect();
        assert_eq!(lost, [expected], "{source}");
    }
}

#[test]
fn a_long_text_takes_linear_time() {
    // Quadratic scanning would take many minutes.
    let units = [
        "a",
        "1",
        ".",
        "/",
        "`",
        "<",
        "{",
        "(",
        "@",
        "#",
        "%",
        "&",
        "https://-",
        "www.",
        "a.",
        "a/",
        "a-",
        "+49 ",
        "C:\\",
        "1.",
        "DE89",
        "→",
        "🇩🇪",
        ":a",
        "\\",
        "-",
        "$",
        "a@",
        "http://x)",
        "d4-",
        "12 {}",
        "<!--",
        "<a b=",
        "😀\u{200d}",
    ];
    for unit in units {
        let text = unit.repeat((1 << 18) / unit.len());
        let found = find(&text);
        assert!(found.iter().all(|found| !found.span.is_empty()), "{unit}");
    }
}

/// Too long for a word.
const LONG: &str = "0123456789abcdefghijABCDEFGHIJ+/0123456789abcdefghijABCDEFGHIJ\
    +/0123456789abcdefghijABCDEFGHIJ+/0123456789abcdefghijABCDEFGHIJ+/";

fn sentence() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("https://x.example/a"),
        Just("{a}"),
        Just(LONG),
        Just("%s"),
        Just("12 %"),
        Just("wetter.de"),
        Just("😀"),
        Just("ein"),
        Just("Wort"),
        Just("("),
        Just(")."),
        Just(" "),
        Just("\u{a0}"),
        Just("ß"),
    ];
    prop_oneof![
        any::<String>(),
        "[a-z0-9 ./:@#%$&<>{}`()+\\\\ä→-]{0,40}",
        prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat()),
    ]
}

proptest! {
    #[test]
    fn spans_are_in_order_apart_and_on_character_boundaries(sentence in sentence()) {
        let mut end = 0;
        for found in find(&sentence) {
            prop_assert!(end <= found.span.start && found.span.start < found.span.end);
            prop_assert!(sentence.get(found.span.range()).is_some());
            end = found.span.end;
        }
        for piece in prose(&sentence, &find(&sentence)) {
            prop_assert_eq!(piece.of(&sentence).trim(), piece.of(&sentence));
        }
    }

    #[test]
    fn a_repaired_translation_has_all_strings_and_links_whole_words(
        source in sentence(),
        target in sentence(),
        picks in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0.0_f32..1.0), 0..12),
    ) {
        let verbatim = find(&source);
        let (source_words, target_words) = (words(&source), words(&target));
        let mut alignment = Vec::new();
        if !source_words.is_empty() && !target_words.is_empty() {
            for (from, to, score) in picks {
                alignment.push(AlignmentPoint {
                    source: source_words[from.index(source_words.len())],
                    target: target_words[to.index(target_words.len())],
                    score,
                });
            }
        }
        let scores = vec![-1.0; target_words.len()];
        if let Restored::Repaired(repaired) = restore(&source, &verbatim, &target, &alignment, &scores) {
            for found in &verbatim {
                prop_assert!(repaired.target.contains(found.span.of(&source)));
            }
            let new_words = words(&repaired.target);
            prop_assert_eq!(repaired.word_scores.len(), new_words.len());
            for point in &repaired.alignment {
                prop_assert!(source_words.contains(&point.source));
                prop_assert!(new_words.contains(&point.target));
            }
        }
    }
}
