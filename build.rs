//! Writes the confusables of Unicode UTS #39 as three flat arrays.
//!
//! `unicode-security` keeps a slice for each of its 6,712 rows, and the loader of a shared library has to move each pointer
//! (320 kB of the extension). Its own function is asked for every character here, and tests compare the two.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs, io};

use unicode_normalization::UnicodeNormalization;
use unicode_security::skeleton;

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    let folder = env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("cargo names no OUT_DIR"))?;
    fs::write(Path::new(&folder).join("confusables.rs"), confusables())
}

/// `KEYS`: a character and the bytes of what it reads like (`character << 8 | length`), in order; `STARTS`: where these
/// bytes begin in `SHAPES`; `IGNORED`: first and last of the characters that nobody sees.
fn confusables() -> String {
    let (mut keys, mut starts, mut shapes) = (String::new(), String::new(), String::new());
    let mut known = HashMap::new();
    let mut ignored: Vec<(u32, u32)> = Vec::new();
    let mut count = 0;
    // Planes 4 to 13 hold no character, 15 and 16 private ones.
    for character in ('\0'..='\u{3ffff}').chain('\u{e0000}'..='\u{effff}') {
        let text = character.to_string();
        let shape: String = skeleton(&text).collect();
        // What decomposes is decomposed before it is looked up.
        if shape != text && !text.chars().nfd().eq(text.chars()) {
            continue;
        }
        let code = u32::from(character);
        if shape.is_empty() {
            match ignored.last_mut() {
                Some((_, last)) if *last + 1 == code => *last = code,
                _ => ignored.push((code, code)),
            }
        } else if shape != text {
            let start = *known.entry(shape.clone()).or_insert_with(|| {
                let start = shapes.len();
                shapes.push_str(&shape);
                start
            });
            let _ = write!(keys, "{},", code << 8 | shape.len() as u32);
            let _ = write!(starts, "{start},");
            count += 1;
        }
    }
    format!(
        "static KEYS: [u32; {count}] = [{keys}];\nstatic STARTS: [u16; {count}] = [{starts}];\n\
         static SHAPES: &str = {shapes:?};\nstatic IGNORED: [(u32, u32); {}] = {ignored:?};\n",
        ignored.len()
    )
}
