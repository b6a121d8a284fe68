//! Checks params, which are text in a name whatever their schema.

use crate::schema::{self, Issue, Schema};

/// Checks the text of a param: an integer by its value, everything else as a string.
pub(super) fn check(schema: &Schema, text: &str) -> Result<(), Vec<Issue>> {
    if text.is_empty() {
        return Err(issue("minLength", "must not be empty", text));
    }
    match schema {
        Schema::Integer(_) => match text.parse::<i64>() {
            // Reject other spellings of a number, such as `+1` and `007`.
            Ok(number) if number.to_string() == text => schema::check(schema, &number),
            _ => Err(issue("type", "must be an integer", text)),
        },
        _ => schema::check(schema, text),
    }
}

fn issue(rule: &'static str, message: &str, text: &str) -> Vec<Issue> {
    let value = Some(fanfare_schema::abbreviate(text));
    vec![Issue { path: String::new(), rule, message: message.into(), value }]
}

#[cfg(test)]
mod tests {
    use super::super::{AddressPart, Channel, ChannelDefinition, History, ParamDefinition, Registry};
    use crate::schema::{Integer, Schema, Text};
    use std::time::Duration;

    const fn definition(
        address: &'static [AddressPart],
        params: &'static [ParamDefinition],
    ) -> ChannelDefinition {
        let history = History { messages: 1, age: Duration::from_secs(1) };
        ChannelDefinition {
            name: "c",
            address,
            params,
            topics: &[],
            history,
            fingerprint: "",
            ..ChannelDefinition::EMPTY
        }
    }

    static NAME: ParamDefinition =
        ParamDefinition { name: "name", schema: &Schema::Text(Text { max_length: 3, ..Text::ANY }) };
    static PAGE: ParamDefinition = ParamDefinition {
        name: "page",
        schema: &Schema::Integer(Integer { minimum: -9, maximum: 99, multiple_of: None }),
    };
    static BOTH: ChannelDefinition = definition(
        &[
            AddressPart::Literal("both/"),
            AddressPart::Param(1),
            AddressPart::Literal(":"),
            AddressPart::Param(0),
        ],
        &[NAME, PAGE],
    );
    static FILE: ChannelDefinition =
        definition(&[AddressPart::Param(0), AddressPart::Literal(".log")], &[NAME]);
    static FIXED: ChannelDefinition = definition(&[AddressPart::Literal("system")], &[]);
    static REGISTRY: Registry = Registry { channels: &[&BOTH, &FILE, &FIXED] };

    #[test]
    fn a_name_resolves_to_its_channel() {
        for (channel, name) in [
            (Channel::new(&BOTH, &[&"é/", &7]), "both/7:%C3%A9%2F"),
            (Channel::new(&BOTH, &[&"~._", &-9]), "both/-9:~._"),
            (Channel::new(&FILE, &[&"a.b"]), "a.b.log"),
            (Ok(Channel::without_params(&FIXED)), "system"),
        ] {
            assert_eq!(channel.as_ref().map(Channel::name), Ok(name));
            assert_eq!(REGISTRY.resolve(name), channel.ok());
        }
    }

    #[test]
    fn other_spellings_do_not_resolve() {
        for name in [
            "",
            "both/7:",
            "both/:a",
            "both/07:a",
            "both/+7:a",
            "both/-0:a",
            "both/100:a",
            "both/7:abcd",
            "both/7:a/",
            "both/7:%61",
            "both/7:%c3%a9",
            "both/7:%C3",
            "both/7:%",
            "both/7:%G1",
            "both/7:a:b",
            "Both/7:a",
            "both/7:a ",
            ".log",
            "abcd.log",
            "system ",
            "syste",
            "system/x",
        ] {
            assert_eq!(REGISTRY.resolve(name), None, "{name}");
        }
    }

    #[test]
    fn an_error_has_the_channel_the_param_the_value_and_the_reason() {
        let error = Channel::new(&BOTH, &[&"abcd", &1]).unwrap_err();
        let text = error.to_string();
        for word in ["\"c\"", "\"name\"", "\"abcd\"", "at most 3"] {
            assert!(text.contains(word), "{text}");
        }
    }

    #[test]
    #[should_panic(
        expected = "the channel \"c\" has the params [\"name\", \"page\"]: pass 2 values to `Channel::new`, not 1"
    )]
    fn a_missing_param_panics() {
        let _ = Channel::new(&BOTH, &[&"a"]);
    }

    #[test]
    #[should_panic(
        expected = "the channel \"c\" has the params [\"name\"]: pass 1 value to `Channel::new`, not 2"
    )]
    fn a_surplus_param_panics() {
        let _ = Channel::new(&FILE, &[&"a", &"b"]);
    }

    #[test]
    #[should_panic(
        expected = "the channel \"c\" has the params [\"name\"]: pass 1 value to `Channel::new`, not 0"
    )]
    fn a_channel_with_params_panics_without_them() {
        let _ = Channel::without_params(&FILE);
    }
}
