//! Who a person is: every property, from the number, the seed and how often it was changed.
//!
//! Owns the names of the properties that people have here. Nothing of it needs an escape in JSON.

use std::fmt::Write as _;

use super::id::{self, Named};
use crate::sandbox::population::{DEPARTMENTS, FAMILY, GIVEN, PLACES, plain};

/// Every so manyeth person is a guest.
const GUEST_EVERY: u32 = 23;

/// People under one manager, who is the first of them.
const TEAM: u32 = 8;

/// A property as far as people have it here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Property {
    Id,
    AccountEnabled,
    BusinessPhones,
    City,
    CompanyName,
    Country,
    CreatedDateTime,
    Department,
    DisplayName,
    EmployeeId,
    EmployeeType,
    FaxNumber,
    GivenName,
    JobTitle,
    Mail,
    MailNickname,
    MobilePhone,
    OfficeLocation,
    PostalCode,
    PreferredLanguage,
    ProxyAddresses,
    State,
    StreetAddress,
    Surname,
    UsageLocation,
    UserPrincipalName,
    UserType,
}

/// The properties by Graph's names.
pub(super) const NAMES: [(&str, Property); 27] = [
    ("id", Property::Id),
    ("accountEnabled", Property::AccountEnabled),
    ("businessPhones", Property::BusinessPhones),
    ("city", Property::City),
    ("companyName", Property::CompanyName),
    ("country", Property::Country),
    ("createdDateTime", Property::CreatedDateTime),
    ("department", Property::Department),
    ("displayName", Property::DisplayName),
    ("employeeId", Property::EmployeeId),
    ("employeeType", Property::EmployeeType),
    ("faxNumber", Property::FaxNumber),
    ("givenName", Property::GivenName),
    ("jobTitle", Property::JobTitle),
    ("mail", Property::Mail),
    ("mailNickname", Property::MailNickname),
    ("mobilePhone", Property::MobilePhone),
    ("officeLocation", Property::OfficeLocation),
    ("postalCode", Property::PostalCode),
    ("preferredLanguage", Property::PreferredLanguage),
    ("proxyAddresses", Property::ProxyAddresses),
    ("state", Property::State),
    ("streetAddress", Property::StreetAddress),
    ("surname", Property::Surname),
    ("usageLocation", Property::UsageLocation),
    ("userPrincipalName", Property::UserPrincipalName),
    ("userType", Property::UserType),
];

const STATES: [&str; 5] = ["ZH", "Lisboa", "Bayern", "Leinster", "TX"];
const LANGUAGES: [&str; 5] = ["de-CH", "pt-PT", "de-DE", "en-IE", "en-US"];
const STREETS: [&str; 5] =
    ["Seestrasse", "Rua do Sol", "Lindenweg", "Harbour Road", "Congress Avenue"];

impl Property {
    /// The property of this name, if people have it here.
    pub(super) fn named(name: &str) -> Option<Self> {
        NAMES.iter().find(|(known, _)| *known == name).map(|(_, property)| *property)
    }

    /// Whether a change of a person is one of this property.
    pub(super) fn is_changed(self) -> bool {
        matches!(self, Self::Department | Self::JobTitle)
    }
}

/// The ASCII forms of the given and family names, for addresses.
pub(super) struct Aliases {
    given: Vec<String>,
    family: Vec<String>,
}

impl Default for Aliases {
    fn default() -> Self {
        let all = |names: &[&str]| names.iter().map(|name| plain(name)).collect();
        Self { given: all(&GIVEN), family: all(&FAMILY) }
    }
}

/// One person.
pub(super) struct Person<'a> {
    number: u32,
    seed: u64,
    /// How often it was changed.
    revision: u32,
    bits: u64,
    aliases: &'a Aliases,
}

/// The number of somebody's manager; the first person of all has none.
pub(super) fn manager_of(number: u32) -> Option<u32> {
    let first = number / TEAM * TEAM;
    if number == first { (number != 0).then_some(0) } else { Some(first) }
}

impl<'a> Person<'a> {
    pub(super) fn new(seed: u64, number: u32, revision: u32, aliases: &'a Aliases) -> Self {
        let bits = id::mixed(seed ^ u64::from(number) << 20);
        Self { number, seed, revision, bits, aliases }
    }

    fn pick<T>(&self, among: &[T], shift: u32) -> usize {
        usize::try_from(self.bits >> shift & 0xff).unwrap_or_default() % among.len()
    }

    fn is_guest(&self) -> bool {
        self.number % GUEST_EVERY == GUEST_EVERY - 1
    }

    /// The user principal name.
    pub(super) fn name(&self) -> String {
        let mut name = String::new();
        self.push_name(&mut name);
        name
    }

    fn push_alias(&self, out: &mut String) {
        out.push_str(&self.aliases.given[self.pick(&GIVEN, 0)]);
        out.push('.');
        out.push_str(&self.aliases.family[self.pick(&FAMILY, 8)]);
        push(out, self.number);
    }

    fn push_name(&self, out: &mut String) {
        self.push_alias(out);
        out.push_str(if self.is_guest() {
            "_fabrikam.example#EXT#@contoso.onmicrosoft.example"
        } else {
            "@contoso.example"
        });
    }

    fn push_mail(&self, out: &mut String) {
        self.push_alias(out);
        out.push_str(if self.is_guest() { "@fabrikam.example" } else { "@contoso.example" });
    }

    /// Writes the value of a property as JSON; writes nothing and says so where there is none.
    pub(super) fn write(&self, property: Property, out: &mut String) -> bool {
        match property {
            Property::Id => quote(out, |out| {
                let mut buffer = uuid::Uuid::encode_buffer();
                let id = id::of(self.seed, Named::Person(self.number));
                out.push_str(id.hyphenated().encode_lower(&mut buffer));
            }),
            Property::AccountEnabled => {
                out.push_str("true");
                true
            }
            Property::DisplayName => quote(out, |out| self.push_display_name(out)),
            Property::UserPrincipalName => quote(out, |out| self.push_name(out)),
            Property::Mail => quote(out, |out| self.push_mail(out)),
            Property::UserType => text(out, if self.is_guest() { "Guest" } else { "Member" }),
            Property::CreatedDateTime => quote(out, |out| self.push_created(out)),
            Property::JobTitle if self.revision > 0 || !self.is_guest() => {
                quote(out, |out| self.push_title(out))
            }
            Property::JobTitle
            | Property::BusinessPhones
            | Property::City
            | Property::CompanyName
            | Property::Country
            | Property::Department
            | Property::EmployeeId
            | Property::EmployeeType
            | Property::FaxNumber
            | Property::GivenName
            | Property::MailNickname
            | Property::MobilePhone
            | Property::OfficeLocation
            | Property::PostalCode
            | Property::PreferredLanguage
            | Property::ProxyAddresses
            | Property::State
            | Property::StreetAddress
            | Property::Surname
            | Property::UsageLocation => !self.is_guest() && self.write_of_employee(property, out),
        }
    }

    fn write_of_employee(&self, property: Property, out: &mut String) -> bool {
        let place = self.pick(&PLACES, 24);
        let (city, country, usage) = PLACES[place];
        match property {
            Property::BusinessPhones => list(out, |out| {
                out.push_str("+41 44 555 ");
                push(out, 1_000 + self.number % 9_000);
            }),
            Property::City => text(out, city),
            Property::CompanyName => text(out, "Contoso"),
            Property::Country => text(out, country),
            Property::Department => text(out, DEPARTMENTS[self.department()].0),
            Property::EmployeeId => quote(out, |out| {
                out.push_str("E-");
                push(out, self.number);
            }),
            Property::EmployeeType => text(out, "Employee"),
            Property::FaxNumber if self.number.is_multiple_of(5) => quote(out, |out| {
                out.push_str("+41 44 556 ");
                push(out, 1_000 + self.number % 9_000);
            }),
            Property::GivenName => text(out, GIVEN[self.pick(&GIVEN, 0)]),
            Property::MailNickname => quote(out, |out| self.push_alias(out)),
            Property::MobilePhone => quote(out, |out| {
                out.push_str("+41 79 ");
                push(out, 1_000_000 + self.number);
            }),
            Property::OfficeLocation => quote(out, |out| {
                out.push_str("Building ");
                push(out, self.number / 400);
            }),
            Property::PostalCode => quote(out, |out| push(out, 10_000 + self.number % 90_000)),
            Property::PreferredLanguage => text(out, LANGUAGES[place]),
            Property::ProxyAddresses => list(out, |out| {
                out.push_str("SMTP:");
                self.push_mail(out);
            }),
            Property::State => text(out, STATES[place]),
            Property::StreetAddress => quote(out, |out| {
                out.push_str(STREETS[place]);
                out.push(' ');
                push(out, 1 + self.number % 200);
            }),
            Property::Surname => text(out, FAMILY[self.pick(&FAMILY, 8)]),
            Property::UsageLocation => text(out, usage),
            // What everybody has is written by the caller.
            Property::FaxNumber
            | Property::JobTitle
            | Property::Id
            | Property::AccountEnabled
            | Property::DisplayName
            | Property::UserPrincipalName
            | Property::Mail
            | Property::UserType
            | Property::CreatedDateTime => false,
        }
    }

    /// The department goes round with every change.
    fn department(&self) -> usize {
        let turns = usize::try_from(self.revision).unwrap_or_default();
        (self.pick(&DEPARTMENTS, 16) + turns) % DEPARTMENTS.len()
    }

    fn push_title(&self, out: &mut String) {
        if self.is_guest() {
            out.push_str("Visitor");
        } else {
            out.push_str(DEPARTMENTS[self.department()].1);
        }
        if self.revision > 0 {
            out.push(' ');
            push(out, self.revision);
        }
    }

    fn push_display_name(&self, out: &mut String) {
        out.push_str(GIVEN[self.pick(&GIVEN, 0)]);
        out.push(' ');
        out.push_str(FAMILY[self.pick(&FAMILY, 8)]);
    }

    fn push_created(&self, out: &mut String) {
        let day = 1 + self.number % 28;
        // Writing to a text cannot fail.
        let _ = write!(out, "{}-03-{day:02}T08:00:00Z", 2010 + self.number % 15);
    }
}

fn quote(out: &mut String, push: impl FnOnce(&mut String)) -> bool {
    out.push('"');
    push(out);
    out.push('"');
    true
}

fn text(out: &mut String, text: &str) -> bool {
    quote(out, |out| out.push_str(text))
}

fn list(out: &mut String, push: impl FnOnce(&mut String)) -> bool {
    out.push('[');
    quote(out, push);
    out.push(']');
    true
}

fn push(out: &mut String, number: u32) {
    let _ = write!(out, "{number}");
}
