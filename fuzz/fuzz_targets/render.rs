//! Templates of every platform: whatever is read has a place for each hole, and any value is written or refused.
#![no_main]

use botsec::render::{Fields, Plan, Platform};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let (template, value) = text.split_once('\0').unwrap_or((text, "</x>"));
    if let Ok(read) = Fields::parse(template) {
        assert_eq!(read.parts.len(), read.fields.len() + 1);
    }
    for platform in Platform::ALL {
        let Ok(plan) = Plan::read(platform, template.split("{}")) else { continue };
        assert_eq!(plan.parts().len(), plan.holes().len() + 1);
        let _ = plan.write(|_, hole, out| hole.write(value, out));
    }
});
