//! Why a record went to `dead-letters`: one flat list with stable numbers and names, in precedence order.

macro_rules! listed {
    ($(#[$top:meta])+ $name:ident: $($(#[$doc:meta])+ $variant:ident = $number:literal, $text:literal;)+) => {
        $(#[$top])+
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[repr(u8)]
        pub enum $name {
            $($(#[$doc])+ $variant = $number,)+
        }

        impl $name {
            /// Every member, by number.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The stable number.
            pub const fn number(self) -> u8 {
                match self {
                    $(Self::$variant => $number),+
                }
            }

            /// The stable name, as it stands in dead letters and output.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $text),+
                }
            }

            /// The member with this name.
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|member| member.name() == name)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }
    };
}

listed! {
    /// Why a record cannot be read or trusted. The first reason that applies is the one given.
    DeadLetterReason:
    /// The record has no value.
    NullValue = 1, "null_value";
    /// The value is larger than [`order_model::limits::RECORD_VALUE_BYTES_MAX`].
    ValueTooLarge = 2, "value_too_large";
    /// The key is larger than [`order_model::limits::RECORD_KEY_BYTES_MAX`].
    KeyTooLarge = 3, "key_too_large";
    /// The value does not begin with the magic byte.
    WrongMagic = 4, "wrong_magic";
    /// The value ends before its schema's id does.
    ValueTooShort = 5, "value_too_short";
    /// The registry has no schema with this id.
    SchemaUnknown = 6, "schema_unknown";
    /// The schema cannot be read as ours.
    SchemaUnresolvable = 7, "schema_unresolvable";
    /// The value ends within a field.
    Truncated = 8, "truncated";
    /// The value goes on after the last field.
    TrailingBytes = 9, "trailing_bytes";
    /// A field has a value that cannot be.
    FieldInvalid = 10, "field_invalid";
    /// The command has a home SKU, and the record no key.
    NullKey = 11, "null_key";
    /// The command is privileged, and the record has no MAC.
    MacMissing = 12, "mac_missing";
    /// The MAC names a key that is unknown, or not valid at the record's time.
    MacKeyUnknown = 13, "mac_key_unknown";
    /// The MAC is not that of the record.
    MacWrong = 14, "mac_wrong";
    /// The decision was read, and the target of a sink will never take it; the detail says why.
    Refused = 15, "refused";
}

listed! {
    /// Where a record failed.
    Stage:
    /// While it was being read.
    Decode = 1, "decode";
    /// While its right to say what it says was being checked.
    Authenticate = 2, "authenticate";
    /// On the way from `decisions` to DynamoDB.
    SinkDynamodb = 3, "sink-dynamodb";
    /// On the way from `decisions` to ClickHouse.
    SinkClickhouse = 4, "sink-clickhouse";
    /// On the way from `decisions` to people.
    SinkPush = 5, "sink-push";
    /// While money was being taken or given back.
    Payment = 6, "payment";
}

impl Stage {
    /// The stage of the sink called `name`, if there is such a sink.
    pub fn of_sink(name: &str) -> Option<Self> {
        let sink = |stage: &Self| stage.name().strip_prefix("sink-") == Some(name);
        Self::ALL.iter().copied().find(sink)
    }
}

impl DeadLetterReason {
    /// The stage at which this reason arises when a command is read. A sink names itself instead ([`Stage::of_sink`]).
    pub const fn stage(self) -> Stage {
        match self {
            Self::MacMissing | Self::MacKeyUnknown | Self::MacWrong => Stage::Authenticate,
            _ => Stage::Decode,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_dense_and_names_lead_back() {
        for (index, reason) in DeadLetterReason::ALL.iter().enumerate() {
            assert_eq!(usize::from(reason.number()), index + 1);
            assert_eq!(DeadLetterReason::from_name(reason.name()), Some(*reason));
        }
        for stage in Stage::ALL {
            assert_eq!(Stage::from_name(stage.name()), Some(*stage));
        }
        assert_eq!(Stage::of_sink("push"), Some(Stage::SinkPush));
        assert_eq!(["sink-push", "decode"].map(Stage::of_sink), [None, None]);
        assert_eq!(DeadLetterReason::from_name("other"), None);
    }
}
