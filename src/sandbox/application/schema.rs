//! The schemas of RFC 7643 §4 and §8.7 as the application enforces them. Knows no request.

use std::collections::BTreeMap;

use serde_json::{Value, json};

pub(super) const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
pub(super) const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
pub(super) const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// The type of an attribute (RFC 7643 §2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttributeType {
    /// Text.
    String,
    /// `true` or `false`.
    Boolean,
    /// A number.
    Decimal,
    /// A whole number.
    Integer,
    /// A moment, in XML Schema's `dateTime`.
    DateTime,
    /// Base64 text.
    Binary,
    /// A URI.
    Reference,
    /// Sub-attributes.
    Complex,
}

impl AttributeType {
    fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Boolean => "boolean",
            Self::Decimal => "decimal",
            Self::Integer => "integer",
            Self::DateTime => "dateTime",
            Self::Binary => "binary",
            Self::Reference => "reference",
            Self::Complex => "complex",
        }
    }
}

/// Who may set an attribute (RFC 7643 §7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mutability {
    ReadWrite,
    ReadOnly,
    Immutable,
    WriteOnly,
}

impl Mutability {
    pub(super) fn is_write_only(self) -> bool {
        self == Self::WriteOnly
    }
}

/// One attribute of a schema (RFC 7643 §7).
#[derive(Clone, Debug)]
pub(super) struct Attribute {
    pub(super) name: String,
    pub(super) kind: AttributeType,
    pub(super) multi_valued: bool,
    pub(super) required: bool,
    pub(super) case_exact: bool,
    pub(super) mutability: Mutability,
    pub(super) subs: Vec<Attribute>,
}

impl Attribute {
    fn new(name: &str, kind: AttributeType) -> Self {
        Self {
            name: name.to_owned(),
            kind,
            multi_valued: false,
            required: false,
            case_exact: matches!(kind, AttributeType::Reference | AttributeType::Binary),
            mutability: Mutability::ReadWrite,
            subs: Vec::new(),
        }
    }

    fn text(name: &str) -> Self {
        Self::new(name, AttributeType::String)
    }

    fn complex(name: &str, subs: Vec<Self>) -> Self {
        Self { subs, ..Self::new(name, AttributeType::Complex) }
    }

    fn multi(name: &str, subs: Vec<Self>) -> Self {
        Self { multi_valued: true, ..Self::complex(name, subs) }
    }

    fn required(self) -> Self {
        Self { required: true, ..self }
    }

    fn exact(self) -> Self {
        Self { case_exact: true, ..self }
    }

    fn mutability(self, mutability: Mutability) -> Self {
        Self { mutability, ..self }
    }

    pub(super) fn sub(&self, name: &str) -> Option<&Self> {
        find(&self.subs, name)
    }

    fn document(&self) -> Value {
        let mutability = match self.mutability {
            Mutability::ReadWrite => "readWrite",
            Mutability::ReadOnly => "readOnly",
            Mutability::Immutable => "immutable",
            Mutability::WriteOnly => "writeOnly",
        };
        let returned = if self.mutability == Mutability::WriteOnly { "never" } else { "default" };
        let mut document = json!({
            "name": self.name, "type": self.kind.name(), "multiValued": self.multi_valued,
            "required": self.required, "caseExact": self.case_exact, "mutability": mutability,
            "returned": returned,
            "uniqueness": if self.name == "userName" { "server" } else { "none" },
        });
        if !self.subs.is_empty() {
            document["subAttributes"] = self.subs.iter().map(Self::document).collect();
        }
        document
    }
}

/// The two kinds of resources.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    User,
    Group,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::Group => "Group",
        }
    }

    pub(super) fn endpoint(self) -> &'static str {
        match self {
            Self::User => "Users",
            Self::Group => "Groups",
        }
    }

    pub(super) fn schema(self) -> &'static str {
        match self {
            Self::User => USER,
            Self::Group => GROUP,
        }
    }

    /// The attribute that names a resource.
    pub(super) fn naming(self) -> &'static str {
        match self {
            Self::User => "userName",
            Self::Group => "displayName",
        }
    }
}

/// Where an attribute path leads.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// The extension; `None` for core attributes.
    pub(super) urn: Option<String>,
    pub(super) attribute: Attribute,
    pub(super) sub: Option<Attribute>,
}

impl Place {
    /// The attribute whose values are compared: the sub-attribute, or `value` of a complex one.
    pub(super) fn leaf(&self) -> Attribute {
        let value = || self.attribute.sub("value").cloned();
        self.sub.clone().or_else(value).unwrap_or_else(|| self.attribute.clone())
    }
}

/// Adds an attribute of an extension: `tags[]` has several values, `desk.floor` is part of `desk`.
fn register(list: &mut Vec<Attribute>, name: &str, kind: AttributeType) {
    if let Some((whole, part)) = name.split_once('.') {
        let part = Attribute::new(part, kind);
        match list.iter_mut().find(|attribute| attribute.name == whole) {
            Some(attribute) => attribute.subs.push(part),
            None => list.push(Attribute::complex(whole, vec![part])),
        }
        return;
    }
    let multi_valued = name.ends_with("[]");
    list.push(Attribute { multi_valued, ..Attribute::new(name.trim_end_matches("[]"), kind) });
}

/// All schemas of one application.
pub(super) struct Catalog {
    user: Vec<Attribute>,
    group: Vec<Attribute>,
    extensions: BTreeMap<String, Vec<Attribute>>,
}

impl Catalog {
    pub(super) fn new(extensions: &BTreeMap<String, BTreeMap<String, AttributeType>>) -> Self {
        let registered = extensions.iter().map(|(urn, attributes)| {
            let mut list: Vec<Attribute> = Vec::new();
            for (name, kind) in attributes {
                register(&mut list, name, *kind);
            }
            (urn.clone(), list)
        });
        let mut extensions: BTreeMap<_, _> = registered.collect();
        let mut user = user();
        user.append(&mut extensions.remove(USER).unwrap_or_default());
        extensions.insert(ENTERPRISE.to_owned(), enterprise());
        Self { user, group: group(), extensions }
    }

    pub(super) fn core(&self, kind: Kind) -> &[Attribute] {
        match kind {
            Kind::User => &self.user,
            Kind::Group => &self.group,
        }
    }

    /// The extensions of a kind, by schema.
    pub(super) fn extensions(&self, kind: Kind) -> impl Iterator<Item = (&str, &[Attribute])> {
        let extended = kind == Kind::User;
        let all = self.extensions.iter().filter(move |_| extended);
        all.map(|(urn, attributes)| (urn.as_str(), attributes.as_slice()))
    }

    /// The extension `urn`; schemas compare without case.
    pub(super) fn extension(&self, kind: Kind, urn: &str) -> Option<(&str, &[Attribute])> {
        self.extensions(kind).find(|(known, _)| known.eq_ignore_ascii_case(urn))
    }

    /// Resolves `name.givenName` or `urn:…:User:department` (RFC 7644 §3.10).
    pub(super) fn resolve(&self, kind: Kind, text: &str) -> Option<Place> {
        let core = (kind.schema(), self.core(kind));
        let mut schemas = std::iter::once(core).chain(self.extensions(kind));
        let qualified = schemas.find_map(|(urn, attributes)| {
            let start = text.get(..urn.len())?;
            let rest = text[urn.len()..].strip_prefix(':')?;
            start.eq_ignore_ascii_case(urn).then_some((urn, attributes, rest))
        });
        let (urn, attributes, rest) = qualified.unwrap_or((core.0, core.1, text));
        let (name, sub) = match rest.split_once('.') {
            Some((name, sub)) => (name, Some(sub)),
            None => (rest, None),
        };
        let attribute = find(attributes, name)?.clone();
        let sub = match sub {
            Some(sub) => Some(attribute.sub(sub)?.clone()),
            None => None,
        };
        Some(Place { urn: (urn != core.0).then(|| urn.to_owned()), attribute, sub })
    }

    /// The documents of `/Schemas`.
    pub(super) fn documents(&self) -> Vec<Value> {
        let cores = [(USER, "User", &self.user), (GROUP, "Group", &self.group)];
        let own = |attribute: &&Attribute| !is_common(&attribute.name);
        let document = |urn: &str, name: &str, attributes: Vec<Value>| {
            json!({
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
                "id": urn, "name": name, "attributes": attributes,
                "meta": { "resourceType": "Schema" },
            })
        };
        let cores = cores.into_iter().map(|(urn, name, attributes)| {
            let list = attributes.iter().filter(own).map(Attribute::document).collect();
            document(urn, name, list)
        });
        let extensions = self.extensions.iter().map(|(urn, attributes)| {
            document(urn, "Extension", attributes.iter().map(Attribute::document).collect())
        });
        cores.chain(extensions).collect()
    }
}

/// Finds an attribute; names compare without case (RFC 7643 §2.1).
pub(super) fn find<'a>(attributes: &'a [Attribute], name: &str) -> Option<&'a Attribute> {
    attributes.iter().find(|attribute| attribute.name.eq_ignore_ascii_case(name))
}

fn is_common(name: &str) -> bool {
    ["schemas", "id", "externalId", "meta"].contains(&name)
}

/// RFC 7643 §3: what every resource has.
fn common() -> Vec<Attribute> {
    let moment = |name| Attribute::new(name, AttributeType::DateTime);
    let mut schemas = Attribute::text("schemas").exact().mutability(Mutability::ReadOnly);
    schemas.multi_valued = true;
    vec![
        schemas,
        Attribute::text("id").exact().mutability(Mutability::ReadOnly),
        Attribute::text("externalId").exact(),
        Attribute::complex(
            "meta",
            vec![
                Attribute::text("resourceType").exact(),
                moment("created"),
                moment("lastModified"),
                Attribute::new("location", AttributeType::Reference),
                Attribute::text("version").exact(),
            ],
        )
        .mutability(Mutability::ReadOnly),
    ]
}

/// The sub-attributes of RFC 7643 §2.4, with a value of one type.
fn plural(name: &str, value: AttributeType) -> Attribute {
    Attribute::multi(
        name,
        vec![
            Attribute::new("value", value),
            Attribute::text("display"),
            Attribute::text("type"),
            Attribute::new("primary", AttributeType::Boolean),
        ],
    )
}

/// RFC 7643 §4.1.
fn user() -> Vec<Attribute> {
    let mut attributes = common();
    attributes.push(Attribute::text("userName").required());
    let name = [
        "formatted",
        "familyName",
        "givenName",
        "middleName",
        "honorificPrefix",
        "honorificSuffix",
    ];
    attributes.push(Attribute::complex("name", name.map(Attribute::text).to_vec()));
    attributes.extend(
        ["displayName", "nickName", "title", "userType", "preferredLanguage", "locale", "timezone"]
            .map(Attribute::text),
    );
    attributes.push(Attribute::new("profileUrl", AttributeType::Reference));
    attributes.push(Attribute::new("active", AttributeType::Boolean));
    attributes.push(Attribute::text("password").exact().mutability(Mutability::WriteOnly));
    for name in ["emails", "phoneNumbers", "ims", "entitlements", "roles"] {
        attributes.push(plural(name, AttributeType::String));
    }
    attributes.push(plural("photos", AttributeType::Reference));
    attributes.push(plural("x509Certificates", AttributeType::Binary));
    let address =
        ["formatted", "streetAddress", "locality", "region", "postalCode", "country", "type"];
    let mut address = address.map(Attribute::text).to_vec();
    address.push(Attribute::new("primary", AttributeType::Boolean));
    attributes.push(Attribute::multi("addresses", address));
    let group = vec![
        Attribute::text("value").exact(),
        Attribute::new("$ref", AttributeType::Reference),
        Attribute::text("display"),
        Attribute::text("type"),
    ];
    attributes.push(Attribute::multi("groups", group).mutability(Mutability::ReadOnly));
    attributes
}

/// RFC 7643 §4.2.
fn group() -> Vec<Attribute> {
    let mut attributes = common();
    attributes.push(Attribute::text("displayName").required());
    attributes.push(Attribute::multi(
        "members",
        vec![
            Attribute::text("value").required().exact().mutability(Mutability::Immutable),
            Attribute::new("$ref", AttributeType::Reference).mutability(Mutability::Immutable),
            Attribute::text("type").mutability(Mutability::Immutable),
            Attribute::text("display").mutability(Mutability::ReadOnly),
        ],
    ));
    attributes
}

/// RFC 7643 §4.3.
fn enterprise() -> Vec<Attribute> {
    let names = ["employeeNumber", "costCenter", "organization", "division", "department"];
    let mut attributes = names.map(Attribute::text).to_vec();
    attributes.push(Attribute::complex(
        "manager",
        vec![
            Attribute::text("value").exact(),
            Attribute::new("$ref", AttributeType::Reference),
            Attribute::text("displayName").mutability(Mutability::ReadOnly),
        ],
    ));
    attributes
}
