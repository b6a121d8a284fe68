//! Code for a definition still compiles after the definition has gained optional properties.

/// Uses every way to create a value of a definition.
macro_rules! user_code {
    ($version:ident, $page:ident) => {
        mod $version {
            use crate::case_optional_properties_added::$page as Page;
            use crate::case_optional_properties_added::$version::{Heartbeat, Options, Status, StatusAuthor};

            #[allow(clippy::needless_update, reason = "before, the options have one property")]
            fn create() -> (Status, Options, Heartbeat, Page) {
                let author =
                    StatusAuthor { email: "ada@example.org".parse().ok(), ..StatusAuthor::new("Ada") };
                let status = Status::new(String::from("Writing"), 50, author);
                let options = Options { verbose: Some(true), ..Options::default() };
                let page = Page::new(1, Some(Page::new(2, None, None, "last")), None, "first");
                (status, options, Heartbeat::default(), Page { additional: [("a".into(), 1)].into(), ..page })
            }

            const _: fn() -> (Status, Options, Heartbeat, Page) = create;
        }
    };
}

user_code!(before, PageBefore);
user_code!(after, PageAfter);
