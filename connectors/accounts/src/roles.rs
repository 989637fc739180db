//! What somebody may do.

use std::fmt;

/// Something somebody may do. The name is stable.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Role {
    /// Orders for themselves; everybody may.
    Shopper,
    /// Places orders for any customer, many at a time.
    Producer,
    /// Makes and changes sales.
    Admin,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 3] = [Self::Shopper, Self::Producer, Self::Admin];

    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Shopper => "shopper",
            Self::Producer => "producer",
            Self::Admin => "admin",
        }
    }

    /// The role of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }

    const fn bit(self) -> u8 {
        match self {
            Self::Shopper => 1,
            Self::Producer => 2,
            Self::Admin => 4,
        }
    }
}

/// The roles of somebody; `shopper` is always among them.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Roles(u8);

impl Roles {
    /// Only what everybody may.
    pub const SHOPPER: Self = Self(Role::Shopper.bit());

    /// These, and one more.
    #[must_use]
    pub const fn with(self, role: Role) -> Self {
        Self(self.0 | role.bit())
    }

    /// Whether a role is among them.
    pub const fn has(self, role: Role) -> bool {
        self.0 & role.bit() != 0
    }

    /// The roles, in a fixed order.
    pub fn iter(self) -> impl Iterator<Item = Role> {
        Role::ALL.into_iter().filter(move |role| self.has(*role))
    }

    /// Those of these names that are known: newer versions may know more.
    pub(crate) fn from_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        names.into_iter().filter_map(Role::named).collect()
    }
}

impl Default for Roles {
    fn default() -> Self {
        Self::SHOPPER
    }
}

impl FromIterator<Role> for Roles {
    fn from_iter<I: IntoIterator<Item = Role>>(roles: I) -> Self {
        roles.into_iter().fold(Self::SHOPPER, Self::with)
    }
}

impl fmt::Debug for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(Role::name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_is_a_shopper_and_unknown_names_are_left_out() {
        assert!(Roles::from_names([]).has(Role::Shopper));
        let roles = Roles::from_names(["admin", "emperor"]);
        assert_eq!(roles.iter().collect::<Vec<_>>(), [Role::Shopper, Role::Admin]);
        assert_eq!(format!("{roles:?}"), "{\"shopper\", \"admin\"}");
        assert!(!roles.has(Role::Producer));
    }
}
