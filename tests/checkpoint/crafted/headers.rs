//! Safetensors headers and zip directories.

use super::check;

/// A safetensors file with this header and this many bytes of data.
fn safetensors(header: &str, data: usize) -> Vec<u8> {
    let length = u64::try_from(header.len()).unwrap().to_le_bytes();
    [&length[..], header.as_bytes(), &vec![0; data]].concat()
}

#[test]
fn a_safetensors_header_that_does_not_add_up_is_refused() {
    let one = |shape: &str, offsets: &str| {
        format!(r#"{{"w":{{"dtype":"F32","shape":{shape},"data_offsets":{offsets}}}}}"#)
    };
    let two = |second: &str| {
        let first = r#""v":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}"#;
        format!("{{{first},{second}}}")
    };
    let long_shape = format!("[{}1]", "1,".repeat(100_000));
    let mut huge = safetensors(&one("[1]", "[0,4]"), 4);
    huge[..4].fill(0xff);
    check(&[
        (huge, "header of 4294967295 bytes is longer than the file"),
        (
            safetensors(&one("[1]", "[0,8]"), 8),
            "tensor w: has shape [1], 4 bytes, but 8 bytes in the file",
        ),
        (
            safetensors(&one("[1]", "[4,8]"), 8),
            "tensor w: lies at (4, 8), expected to start at 0",
        ),
        (
            safetensors(&one("[1]", "[4,0]"), 4),
            "tensor w: lies at (4, 0)",
        ),
        (
            safetensors(&one("[2]", "[0,8]"), 4),
            "tensor w: lies at (0, 8) of 4 bytes",
        ),
        (
            safetensors(&one("[1]", "[0,18446744073709551615]"), 4),
            "tensor w: lies at",
        ),
        (
            safetensors(&one("[1]", "[0,4]"), 5),
            "has 1 bytes after the last tensor",
        ),
        (
            safetensors(&one("[4294967296,4294967296]", "[0,4]"), 4),
            "tensor w: has an impossible shape",
        ),
        (
            safetensors(&one("[0,4294967296,4294967296]", "[0,0]"), 0),
            "tensor w: has an impossible shape",
        ),
        (
            safetensors(&one("[-1]", "[0,4]"), 4),
            "header is not valid: ",
        ),
        (
            safetensors(&one(&long_shape, "[0,4]"), 4),
            "tensor w: has 100001 dimensions",
        ),
        (
            safetensors(
                &two(r#""w":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}"#),
                6,
            ),
            "tensor w: lies at (2, 6)",
        ),
        (
            safetensors(
                &two(r#""w":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}"#),
                4,
            ),
            "lies at (0, 4)",
        ),
        (
            safetensors(
                &two(r#""v":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}"#),
                4,
            ),
            "tensor v is there twice",
        ),
        (
            safetensors(
                &two(r#""w":{"dtype":"C64","shape":[1],"data_offsets":[4,12]}"#),
                12,
            ),
            "tensor w: has element type C64",
        ),
        (
            safetensors(
                &format!("{}{}", r#"{"__metadata__":"#, "[".repeat(100_000)),
                0,
            ),
            "header is not valid: ",
        ),
        (
            safetensors(&format!("{}{}", r#"{"w":"#, "[".repeat(100_000)), 0),
            "header is not valid: ",
        ),
        (safetensors("{}x", 0), "header is not valid: "),
    ]);
}

/// An archive of nothing, whose end claims what is given.
fn zip_end(count: u16, size: u32, offset: u32) -> Vec<u8> {
    let mut end = b"PK\x03\x04PK\x05\x06\0\0\0\0".to_vec();
    end.extend([count.to_le_bytes(), count.to_le_bytes()].concat());
    end.extend([size.to_le_bytes(), offset.to_le_bytes()].concat());
    end.extend([0, 0]);
    end
}

#[test]
fn a_zip_archive_that_claims_what_it_has_not_is_refused() {
    let zip64 = |count: u64, size: u64, offset: u64| {
        let mut file = b"PK\x03\x04PK\x06\x06\x2c\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0".to_vec();
        for field in [count, count, size, offset] {
            file.extend(field.to_le_bytes());
        }
        file.extend(b"PK\x06\x07\0\0\0\0\x04\0\0\0\0\0\0\0\x01\0\0\0");
        file.extend(&zip_end(u16::MAX, u32::MAX, u32::MAX)[4..]);
        file
    };
    check(&[
        (
            zip_end(0, 0, 4),
            "zip archive has bytes that belong to no entry",
        ),
        (
            zip_end(u16::MAX, 0, 4),
            "zip directory has 0 entries, expected 65535",
        ),
        (
            zip_end(0, u32::MAX, u32::MAX),
            "zip directory is not where it should be",
        ),
        (zip_end(1, 4, 0), "zip structure is damaged"),
        (
            zip64(u64::MAX, 0, 4),
            "zip directory has 0 entries, expected 18446744073709551615",
        ),
        (
            zip64(1, u64::MAX, 5),
            "zip directory is not where it should be",
        ),
        (
            zip64(1, u64::MAX, u64::MAX),
            "zip directory is not where it should be",
        ),
    ]);
}
