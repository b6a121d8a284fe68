//! The macros for enums whose variants hold payloads.

/// Makes an enum a payload: alternatives without a tag in JSON. Reading selects the first variant whose schema accepts
/// the value.
///
/// ```
/// use fanfare::schema::{Number, Schema, Text};
///
/// #[derive(Debug, PartialEq)]
/// enum Width {
///     Pixels(f64),
///     Auto,
///     Css(String),
/// }
///
/// static PIXELS: Schema = Schema::Number(Number::ANY);
/// static CSS: Schema = Schema::Text(Text::ANY);
/// static WIDTH: Schema = Schema::AnyOf(&[&PIXELS, &CSS]);
/// fanfare::union!(Width: WIDTH { Pixels(&PIXELS), Auto = "auto", Css(&CSS) });
///
/// assert_eq!(fanfare::decode::<Width>(br#""auto""#).unwrap(), Width::Auto);
/// assert_eq!(fanfare::decode::<Width>(b"12").unwrap(), Width::Pixels(12.0));
/// ```
#[doc(hidden)]
#[macro_export]
macro_rules! union {
    ($type:ident: $schema:path {
        $($variant:ident $(($alternative:expr $(; $held:lifetime)?))? $(= $constant:expr)?),*
        $(,)?
    }) => {
        #[allow(deprecated)]
        impl $crate::Decode for $type {
            fn from_value(
                value: $crate::__private::Value,
            ) -> ::core::result::Result<Self, $crate::ShapeError> {
                $(
                    $(if $crate::__private::accepts($alternative, &value) {
                        return ::core::result::Result::Ok(
                            Self::$variant($crate::Decode::from_value(value)?),
                        );
                    })?
                    $(if $crate::__private::is_literal(&value, $constant) {
                        return ::core::result::Result::Ok(Self::$variant);
                    })?
                )*
                ::core::result::Result::Err($crate::__private::NO_ALTERNATIVE)
            }
        }

        $crate::payload!($type: $schema, |self, serializer| match self {$(
            $(Self::$variant(held) => {
                $($held)?
                $crate::__private::Serialize::serialize(held, serializer)
            })?
            $(Self::$variant => $crate::__private::Serialize::serialize(&$constant, serializer),)?
        )*});
    };
}

/// Makes an enum a payload: objects with a tag that selects the variant. The payload of each variant writes the tag
/// itself. With `.. Unknown`, that variant holds objects with any other tag, unchanged.
///
/// ```
/// use fanfare::schema::{Additional, Object, Property, Schema, Tagged};
/// use serde_json::Value;
///
/// struct Created;
/// enum Event {
///     Created(Created),
///     Unknown(Value),
/// }
///
/// static CREATED: Schema = Schema::Object(Object {
///     properties: &[Property::Required("kind", &Schema::Enum(&["created"]))],
///     additional: Additional::Ignored,
/// });
/// static EVENT: Schema =
///     Schema::Tagged(Tagged { tag: "kind", cases: &[("created", &CREATED)], open: true });
///
/// fanfare::object!(Created: CREATED { "kind" = "created" });
/// fanfare::tagged!(Event: EVENT by "kind" { Created = "created", .. Unknown });
///
/// let event = fanfare::decode(br#"{"kind":"deleted","by":"ada"}"#).unwrap();
/// assert!(matches!(event, Event::Unknown(raw) if raw["by"] == "ada"));
/// ```
#[doc(hidden)]
#[macro_export]
macro_rules! tagged {
    ($type:ident: $($schema:ident)::+ by $tag:literal {
        $($variant:ident = $name:literal),* $(, .. $unknown:ident)? $(,)?
    }) => {
        #[allow(deprecated)]
        impl $crate::Decode for $type {
            fn from_value(
                value: $crate::__private::Value,
            ) -> ::core::result::Result<Self, $crate::ShapeError> {
                ::core::result::Result::Ok(match $crate::__private::find_tag(&value, $tag) {
                    $(::core::option::Option::Some($name) => {
                        Self::$variant($crate::Decode::from_value(value)?)
                    })*
                    $(_ => Self::$unknown(value),)?
                    #[allow(unreachable_patterns)]
                    _ => return ::core::result::Result::Err($crate::__private::NO_ALTERNATIVE),
                })
            }

            fn read_json(
                reader: &mut $crate::__private::JsonReader<'_>,
                schema: &'static $crate::__private::Schema,
            ) -> ::core::result::Result<Self, $crate::__private::Unread> {
                ::core::result::Result::Ok(match reader.find_case(schema)? {
                    $(::core::option::Option::Some(($name, case)) => {
                        Self::$variant($crate::Decode::read_json(reader, case)?)
                    })*
                    _ => return $crate::__private::read_tree(reader, schema),
                })
            }
        }

        $crate::payload!($type: $($schema)::+, |self, serializer| match self {
            $(Self::$variant(held) => $crate::__private::Serialize::serialize(held, serializer),)*
            $(Self::$unknown(held) => $crate::__private::Serialize::serialize(held, serializer),)?
        });
    };
}
