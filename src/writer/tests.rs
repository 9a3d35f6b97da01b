//! What all files with a beginning and an end promise.

use proptest::prelude::*;
use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::Event;

use super::xml::printable;
use super::*;

fn target() -> TargetName {
    TargetName {
        language: Language::EN,
        via: None,
        model: "m<1>".to_owned(),
        revision: "\"r\"".to_owned(),
    }
}

/// A part whose paragraphs are given by their sentences, with a space between
/// sentences and a blank line behind each paragraph.
fn part(paragraphs: &[Vec<String>], first: usize) -> Document {
    let mut text = String::new();
    let mut spans = Vec::new();
    for paragraph in paragraphs {
        let mut sentences = Vec::new();
        for sentence in paragraph {
            let start = text.len();
            text += sentence;
            sentences.push(Span::new(start, text.len()));
            text += " ";
        }
        text += "\n\n";
        spans.push(sentences);
    }
    Document::part(text, 0, first, &spans)
}

/// Translations that say the sentence backwards.
fn backwards(document: &Document) -> Vec<Translation> {
    let sentences = document.sentences().iter();
    sentences
        .map(|sentence| {
            let source = sentence.span.of(document.text());
            Translation {
                source: source.to_owned(),
                target: source.chars().rev().collect(),
                ..Translation::default()
            }
        })
        .collect()
}

/// What is written in windows of two sentences.
fn write(file: &mut dyn BilingualFile, documents: &[Document]) -> Vec<u8> {
    let mut output = Vec::new();
    for document in documents {
        let translations = backwards(document);
        for first in (0..translations.len().max(1)).step_by(2) {
            let of_window = translations.iter().skip(first).take(2).cloned();
            let window = Window {
                input: 0,
                name: "]]><\u{1}\".txt",
                document,
                first,
                translations: &[of_window.collect()],
            };
            file.write(&mut output, &window).unwrap();
        }
    }
    file.finish(&mut output).unwrap();
    output
}

/// The text inside the elements of that name, `cp` elements resolved, as a
/// parser reads it.
fn texts(xml: &[u8], element: &str) -> Vec<String> {
    let mut reader = Reader::from_str(std::str::from_utf8(xml).unwrap());
    let mut texts: Vec<String> = Vec::new();
    let mut inside = false;
    loop {
        let piece = match reader.read_event().unwrap() {
            Event::Start(start) if start.name().as_ref() == element => {
                inside = true;
                texts.push(String::new());
                continue;
            }
            Event::End(end) if end.name().as_ref() == element => {
                inside = false;
                continue;
            }
            Event::Empty(code) if code.name().as_ref() == "cp" => {
                let hex = code.try_get_attribute("hex").unwrap().unwrap();
                let code = u32::from_str_radix(&hex.value, 16);
                char::from_u32(code.unwrap()).unwrap().to_string()
            }
            Event::Text(text) => text.xml10_content().into_owned(),
            Event::GeneralRef(reference) => reference.resolve_char_ref().unwrap().map_or_else(
                || resolve_predefined_entity(&reference).unwrap().to_owned(),
                String::from,
            ),
            Event::Eof => return texts,
            _ => continue,
        };
        if inside {
            *texts.last_mut().unwrap() += &piece;
        }
    }
}

proptest! {
    #[test]
    fn a_parser_reads_back_what_was_written(
        paragraphs in prop::collection::vec(prop::collection::vec("([<>&\"'\\]a-zß\\x00-\\x1f ]|\\PC){0,20}", 1..4), 0..4),
    ) {
        let document = part(&paragraphs, 0);
        let translations = backwards(&document);
        let sources: Vec<String> = translations.iter().map(|t| t.source.clone()).collect();
        let targets: Vec<String> = translations.iter().map(|t| t.target.clone()).collect();

        let tmx = write(&mut Tmx::new(Language::DE, vec![target()]), std::slice::from_ref(&document));
        let expected: Vec<String> = sources.iter().zip(&targets)
            .filter(|(source, _)| !source.trim().is_empty())
            .flat_map(|(source, target)| [source, target])
            .map(|text| printable(&one_line(text)).into_owned())
            .collect();
        prop_assert_eq!(texts(&tmx, "seg"), expected);

        let xliff = write(&mut Xliff::new(Language::DE, target()), std::slice::from_ref(&document));
        prop_assert_eq!(texts(&xliff, "source").concat(), document.text());
        let read = texts(&xliff, "target");
        prop_assert!(targets.iter().all(|target| read.contains(target)));
    }
}

#[test]
fn what_is_written_does_not_wait_for_the_end() {
    let paragraph = vec!["Ein Satz.".to_owned(), "Noch einer.".to_owned()];
    let files: [Box<dyn BilingualFile>; 3] = [
        Box::new(Tmx::new(Language::DE, vec![target()])),
        Box::new(Xliff::new(Language::DE, target())),
        Box::new(Page::new(Language::DE, vec![target()])),
    ];
    for mut file in files {
        let mut output = Vec::new();
        for number in 0..100 {
            let document = part(std::slice::from_ref(&paragraph), number);
            let window = Window {
                input: 0,
                name: "a",
                document: &document,
                first: 0,
                translations: &[backwards(&document)],
            };
            file.write(&mut output, &window).unwrap();
            let written = String::from_utf8_lossy(&output);
            assert!(written.matches("Ein Satz.").count() >= number);
        }
    }
}

#[test]
fn a_file_without_a_sentence_is_a_whole_file() {
    let blank = Document::part("\n \n".to_owned(), 0, 0, &[]);
    for documents in [&[][..], &[blank]] {
        let tmx = write(&mut Tmx::new(Language::DE, vec![target()]), documents);
        assert!(texts(&tmx, "seg").is_empty());
        let xliff = write(&mut Xliff::new(Language::DE, target()), documents);
        let gap = documents.first().map_or("", Document::text);
        assert_eq!(
            texts(&xliff, "source"),
            [gap],
            "a unit that nobody translates"
        );
        let page = write(&mut Page::new(Language::DE, vec![target()]), documents);
        assert!(
            String::from_utf8(page)
                .unwrap()
                .contains("<title>Nothing to translate</title>")
        );
    }
}
