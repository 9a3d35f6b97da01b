//! State dicts, in the format with the least around them.

use dolmetsch::checkpoint::Checkpoint;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::{ALLOWANCE, MULTIPLE, check, refusal};
use crate::allocator::peak_of;

/// A legacy stream with this state dict, these storage keys and this data.
fn legacy(state_dict: &[u8], keys: &[u8], data: &[u8]) -> Vec<u8> {
    const HEAD: &[u8] = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\
        \x80\x02M\xe9\x03.\
        \x80\x02}X\x0d\0\0\0little_endian\x88s.";
    [
        HEAD,
        b"\x80\x02",
        state_dict,
        b".\x80\x02",
        keys,
        b".",
        data,
    ]
    .concat()
}

/// A whole number as a pickle has it.
fn int(number: i64) -> Vec<u8> {
    [&b"\x8a\x08"[..], &number.to_le_bytes()].concat()
}

fn tuple(numbers: &[i64]) -> Vec<u8> {
    let numbers: Vec<_> = numbers.iter().map(|&number| int(number)).collect();
    [&b"("[..], &numbers.concat(), b"t"].concat()
}

/// One f32 tensor `w` over storage `0`, which claims `claimed` elements.
fn one_tensor(claimed: i64, offset: i64, shape: &[i64], strides: &[i64]) -> Vec<u8> {
    [
        &b"}X\x01\0\0\0wctorch._utils\n_rebuild_tensor_v2\n("[..],
        b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpu",
        &int(claimed),
        b"tQ",
        &int(offset),
        &tuple(shape),
        &tuple(strides),
        b"\x89NtRs",
    ]
    .concat()
}

const KEYS: &[u8] = b"]X\x01\0\0\x000a";

/// Twelve numbers and their count, as a legacy storage.
fn twelve() -> Vec<u8> {
    [&12_i64.to_le_bytes()[..], &[0; 48]].concat()
}

#[test]
fn the_crafted_tensor_itself_is_fine() {
    let file = legacy(&one_tensor(12, 0, &[3, 4], &[4, 1]), KEYS, &twelve());
    let checkpoint = Checkpoint::from_static("crafted", file.leak()).unwrap();
    assert_eq!(checkpoint.shape("w"), Some(&[3, 4][..]));
}

#[test]
fn a_tensor_that_does_not_fit_its_storage_is_refused() {
    const MAX: i64 = i64::MAX;
    let view = |offset, shape: &[i64], strides: &[i64]| {
        legacy(&one_tensor(12, offset, shape, strides), KEYS, &twelve())
    };
    check(&[
        (
            view(1, &[3, 4], &[4, 1]),
            "tensor w: with shape [3, 4], strides [4, 1] and offset 1 reaches outside",
        ),
        (
            view(0, &[3, 4], &[5, 1]),
            "reaches outside its storage of 12 elements",
        ),
        (view(13, &[0], &[1]), "reaches outside"),
        (view(MAX, &[1], &[1]), "reaches outside"),
        (view(0, &[2, 2], &[MAX, MAX]), "reaches outside"),
        (
            view(-1, &[3, 4], &[4, 1]),
            "tensor w: has an impossible size of -1",
        ),
        (view(0, &[3, 4], &[-4, 1]), "impossible size of -4"),
        (view(0, &[3, 4], &[1]), "has 1 strides for shape [3, 4]"),
        (view(0, &[MAX, MAX], &[0, 0]), "has an impossible shape"),
        (
            view(0, &[0, MAX, MAX], &[0, 0, 0]),
            "has an impossible shape",
        ),
        (
            view(0, &[1 << 40], &[0]),
            "which is more than the whole file",
        ),
        (view(0, &[1; 9], &[1; 9]), "has 9 dimensions"),
    ]);
}

#[test]
fn storages_that_contradict_the_state_dict_are_refused() {
    let good = one_tensor(12, 0, &[3, 4], &[4, 1]);
    let with = |state_dict: &[u8], keys: &[u8], data: &[u8]| legacy(state_dict, keys, data);
    let twice = [&b"]q\x00("[..], &b"X\x01\0\0\x000"[..], b"X\x01\0\0\x000e"].concat();
    check(&[
        (
            with(&one_tensor(13, 0, &[3, 4], &[4, 1]), KEYS, &twelve()),
            "tensor w: storage 0 has 12 elements, expected 13",
        ),
        (
            with(
                &one_tensor(i64::MAX, 0, &[1], &[1]),
                KEYS,
                &i64::MAX.to_le_bytes(),
            ),
            "is cut off, 0 bytes are left",
        ),
        (
            with(&good, KEYS, &twelve()[..50]),
            "tensor w: storage 0 of 12 elements is cut off",
        ),
        (with(&good, KEYS, &[]), "storage 0 is missing at the end"),
        (
            with(&good, b"]", &[]),
            "tensor w: has its numbers in storage 0, which is missing",
        ),
        (
            with(&good, b"]X\x01\0\0\x001a", &twelve()),
            "has storage 1, which no tensor uses",
        ),
        (
            with(&good, &twice, &[twelve(), twelve()].concat()),
            "has storage 0 twice",
        ),
        (
            with(&good, KEYS, &[twelve(), vec![0]].concat()),
            "has 1 bytes after the last storage",
        ),
        (
            with(b"}X\x01\0\0\0wK\x01s", b"]", &[]),
            "tensor w: is not a tensor",
        ),
        (
            with(b"]", b"]", &[]),
            "does not contain a dictionary of tensors",
        ),
        (
            with(b"}K\x01K\x01s", b"]", &[]),
            "has a tensor whose name is no string",
        ),
    ]);
    // The same name twice, and one storage described in two ways.
    let entry = &good[1..];
    let other = &one_tensor(13, 0, &[3, 4], &[4, 1])[1..];
    let renamed = [&b"X\x01\0\0\0v"[..], &other[6..]].concat();
    check(&[
        (
            with(&[&b"}"[..], entry, entry].concat(), KEYS, &twelve()),
            "tensor w: is there twice",
        ),
        (
            with(&[&b"}"[..], entry, &renamed].concat(), KEYS, &twelve()),
            "tensor v: describes storage 0 otherwise",
        ),
    ]);
}

#[test]
fn a_pickle_cannot_make_the_reader_allocate_recurse_or_loop() {
    let many = 300_000;
    let bomb = |pickle: &[u8]| legacy(pickle, b"]", &[]);
    // A tuple of itself twice, again and again: 2^n leaves if copied.
    let doubling = [&b")q\x00"[..], &b"h\x00\x86q\x00".repeat(1000)].concat();
    let after = |start: &[u8], again: &[u8]| bomb(&[start, &again.repeat(many)].concat());
    let too_many = "has more values than a state dict";
    let no_dict = "does not contain a dictionary";
    check(&[
        (
            bomb(b"X\xff\xff\xff\xffabc"),
            "ends early, 4294967295 bytes",
        ),
        (bomb(b"\x95\xff\xff\xff\xff\xff\xff\xff\xff]"), no_dict),
        (
            bomb(b"]r\xff\xff\xff\xff"),
            "memo 4294967295 is out of range",
        ),
        (bomb(b"]j\xff\xff\xff\xff"), "memo 4294967295 is empty"),
        (after(b"", b"N"), "stack is too deep"),
        (after(b"", b"("), "stack is too deep"),
        (after(b"", b"]"), too_many),
        (after(b"]", b"\x85"), too_many),
        (after(b"]", b"]a"), too_many),
        (after(b"]", b"\x94"), "is out of range"),
        // As deep and as full as the limits allow.
        (after(b"]", b"\x85\x94"), no_dict),
        (after(b"]", b"Na"), no_dict),
        (after(b"]", b"]q\x00a"), no_dict),
        (after(b"}", b"NK\x01s"), "a tensor whose name is no string"),
        // Cycles.
        (bomb(b"]q\x00h\x00a"), no_dict),
        (
            bomb(b"}q\x00X\x01\0\0\0wh\x00s"),
            "tensor w: is not a tensor",
        ),
        (bomb(&doubling), no_dict),
        (after(b"c", b"a"), "a name does not end"),
    ]);
}

#[test]
fn many_tensors_of_one_long_description_cost_little() {
    // The description of `w` is remembered, then used under other names.
    let first = one_tensor(12, 0, &[1; 8], &[1; 8]);
    let described = [&first[..first.len() - 2], b"q\x01Rs"].concat();
    let call = b"ctorch._utils\n_rebuild_tensor_v2\nq\x02";
    let mut state_dict = [&described[..], b"X\0\0\0\0", call, b"h\x01Rs"].concat();
    for name in 0..20_000 {
        let name = format!("{name:x}.");
        state_dict.extend([&b"\x8c"[..], &[name.len() as u8], name.as_bytes()].concat());
        state_dict.extend(b"h\x02h\x01Rs");
    }
    state_dict.extend(b"K\x00K\x00s");
    let message = refusal(legacy(&state_dict, KEYS, &twelve()));
    assert!(
        message.contains("has a tensor whose name is no string"),
        "{message}"
    );
}

#[test]
fn a_pickle_that_is_no_program_is_refused() {
    let cases: [(&[u8], &str); 14] = [
        (b"", "does not end with exactly one value"),
        (b"a", "there is no List to add to"),
        (b"]K\x01(a", "there is no List to add to"),
        (b"}K\x01s", "there is no Dict to add to"),
        (b"}(K\x01u", "a key without a value"),
        (b"K\x01K\x01K\x01s", "there is no Dict to add to"),
        (b"t", "mark is missing"),
        (b"(", "does not end with exactly one value"),
        (b"]]", "does not end with exactly one value"),
        (b"]K\x01(\x86", "stack is empty"),
        (b"]K\x01b", "sets attributes of something else"),
        (b"]K\x01R", "arguments are not a tuple"),
        (b"K\x01Q", "a storage is not described by a tuple"),
        (b"X\x01\0\0\0\xff", "a string is not UTF-8"),
    ];
    for (pickle, expected) in cases {
        let message = refusal(legacy(pickle, b"]", &[]));
        assert!(message.contains("state dict: pickle, byte "), "{message}");
        assert!(message.contains(expected), "{message}, not {expected}");
    }
}

#[test]
fn what_a_message_quotes_from_a_file_is_printable_and_short() {
    let message = refusal(legacy(b"cos\x1b[2J\nsystem\n", b"]", &[]));
    assert!(
        message.contains("refused to load os\u{fffd}[2J.system"),
        "{message}"
    );
    let name = [&b"}X\x40\x0d\x03\0"[..], &b"w".repeat(200_000), b"Ns"].concat();
    let message = refusal(legacy(&name, b"]", &[]));
    assert!(message.ends_with("www: is not a tensor") && message.len() < 700);
}

/// Every instruction, with arguments that fit together now and then.
#[rustfmt::skip]
const INSTRUCTIONS: [&[u8]; 39] = [
    b"\x80\x02", b"\x95\0\0\0\0\0\0\0\0", b".", b"(", b"N", b"\x88", b"\x89", b"K\x01",
    b"M\x02\x01", b"J\xff\xff\xff\xff", b"\x8a\x01\xff", b"\x8a\x09123456789",
    b"\x8c\x07storage", b"\x8c\x05torch", b"\x8c\x0cFloatStorage", b"X\x01\0\0\x000", b"\x93",
    b"ccollections\nOrderedDict\n", b"ctorch._utils\n_rebuild_tensor_v2\n",
    b"ctorch._utils\n_rebuild_parameter\n", b"ctorch\nFloatStorage\n", b"Q", b"R", b"b", b")",
    b"\x85", b"\x86", b"\x87", b"t", b"]", b"}", b"a", b"s", b"e", b"u", b"q\0", b"h\0", b"\x94",
    b"r\x01\0\0\0",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_program_makes_the_machine_panic(program in vec(select(&INSTRUCTIONS[..]), 0..60)) {
        let file = legacy(&program.concat(), KEYS, &twelve()).leak();
        let (_, peak) = peak_of(|| Checkpoint::from_static("random", file));
        prop_assert!(peak <= MULTIPLE * file.len() + ALLOWANCE);
    }
}
