//! The memory that the issues of a large value take.

use std::alloc::System;

use fanfare_schema::{Array, Items, Kinds, MAX_ISSUES, Rules, Schema, Text, check};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

static LIST: Schema =
    Schema::Array(Array { items: &Schema::Text(Text::ANY), min_items: 0, max_items: u32::MAX });

static RULES: Rules =
    Rules { array: Some(&Items { rest: Some(&STRING), min_items: 1, ..Items::ANY }), ..Rules::ANY };
static STRING: Rules = Rules { kinds: Kinds::STRING, ..Rules::ANY };

#[test]
fn issues_of_a_mebibyte_of_invalid_items_take_little_memory() {
    // As JSON, each item takes two bytes.
    let items = vec![1_u8; 512 * 1024];
    for schema in [&LIST, &Schema::Rules(&RULES)] {
        let region = Region::new(ALLOCATOR);
        let issues = check(schema, &items).unwrap_err();
        let allocated = region.change().bytes_allocated;
        assert_eq!(issues.len(), MAX_ISSUES + 1);
        assert!(allocated < 64 * 1024, "{allocated} bytes");
    }
}
