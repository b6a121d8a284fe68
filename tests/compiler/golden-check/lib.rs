//! The Rust of every golden case. Written by the golden test.
#![deny(warnings)]

/// `tests/compiler/golden/all-of`
pub mod case_all_of {
    include!("../golden/all-of/expected/rust/channels.rs");
}

/// `tests/compiler/golden/awkward-names`
pub mod case_awkward_names {
    include!("../golden/awkward-names/expected/rust/channels.rs");
}

/// `tests/compiler/golden/channels`
pub mod case_channels {
    include!("../golden/channels/expected/rust/channels.rs");
}

/// `tests/compiler/golden/collections`
pub mod case_collections {
    include!("../golden/collections/expected/rust/channels.rs");
}

/// `tests/compiler/golden/drafts`
pub mod case_drafts {
    include!("../golden/drafts/expected/rust/channels.rs");
}

/// `tests/compiler/golden/enums-and-consts`
pub mod case_enums_and_consts {
    include!("../golden/enums-and-consts/expected/rust/channels.rs");
}

/// `tests/compiler/golden/files`
pub mod case_files {
    include!("../golden/files/expected/rust/channels.rs");
}

/// `tests/compiler/golden/json-definition`
pub mod case_json_definition {
    include!("../golden/json-definition/expected/rust/channels.rs");
}

/// `tests/compiler/golden/numbers`
pub mod case_numbers {
    include!("../golden/numbers/expected/rust/channels.rs");
}

/// `tests/compiler/golden/objects`
pub mod case_objects {
    include!("../golden/objects/expected/rust/channels.rs");
}

/// `tests/compiler/golden/optional-and-nullable`
pub mod case_optional_and_nullable {
    include!("../golden/optional-and-nullable/expected/rust/channels.rs");
}

/// `tests/compiler/golden/recursion`
pub mod case_recursion {
    include!("../golden/recursion/expected/rust/channels.rs");
}

/// `tests/compiler/golden/rules`
pub mod case_rules {
    include!("../golden/rules/expected/rust/channels.rs");
}

/// `tests/compiler/golden/signals`
pub mod case_signals {
    include!("../golden/signals/expected/rust/channels.rs");
}

/// `tests/compiler/golden/streams`
pub mod case_streams {
    include!("../golden/streams/expected/rust/channels.rs");
}

/// `tests/compiler/golden/strings`
pub mod case_strings {
    include!("../golden/strings/expected/rust/channels.rs");
}

/// `tests/compiler/golden/tagged-unions`
pub mod case_tagged_unions {
    include!("../golden/tagged-unions/expected/rust/channels.rs");
}

/// `tests/compiler/golden/unions`
pub mod case_unions {
    include!("../golden/unions/expected/rust/channels.rs");
}
