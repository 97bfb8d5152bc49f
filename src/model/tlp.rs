//! Labels of the Traffic Light Protocol, version 2.0 (FIRST): how far a warning may travel.

super::company::text_enum! {
    /// A label; the first is the strictest.
    Tlp {
        /// For the reader alone.
        Red = "TLP:RED",
        /// For one organisation alone.
        AmberStrict = "TLP:AMBER+STRICT",
        /// For one organisation and its clients.
        Amber = "TLP:AMBER",
        /// For a community.
        Green = "TLP:GREEN",
        /// For everybody.
        Clear = "TLP:CLEAR",
    }
}

impl Tlp {
    /// The label in a feed's text, in any case; `None` for anything else.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        text.trim().to_uppercase().parse().ok()
    }

    /// May another organisation hear of it?
    #[must_use]
    pub const fn leaves_the_organisation(self) -> bool {
        matches!(self, Self::Amber | Self::Green | Self::Clear)
    }
}
