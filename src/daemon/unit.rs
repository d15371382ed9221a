//! The service as systemd sees it: its unit, and the user it runs as.

/// The unit, as a package installs it; the program is `/usr/bin/entra-scim`.
pub const UNIT: &str = include_str!("entra-scim.service");

/// The user, as systemd-sysusers makes it.
pub const SYSUSERS: &str = include_str!("entra-scim.sysusers");

/// Where the unit looks for the program.
const PACKAGED_PROGRAM: &str = "/usr/bin/entra-scim";

/// The unit for a program at this path.
pub fn unit_for(program: &str) -> String {
    UNIT.replace(PACKAGED_PROGRAM, program)
}
