//! The exit codes, which scripts rely on.

use crate::{daemon::Trouble, store::CycleReport};

/// How the program ends. The numbers are a promise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExitCode {
    /// 0: done.
    #[default]
    Done,
    /// 1: something unexpected.
    Unexpected,
    /// 2: the configuration or the command line is wrong.
    Usage,
    /// 3: the cycle finished, some objects failed; or its time was up before its work was done.
    SomeFailed,
    /// 4: a safeguard holds changes.
    Held,
    /// 5: the job is in quarantine.
    Quarantine,
    /// 6: another process holds the state file and does not answer.
    Locked,
    /// 7: Graph or the target could not be reached or signed in to.
    Unreachable,
}

impl ExitCode {
    /// The number.
    pub fn number(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Unexpected => 1,
            Self::Usage => 2,
            Self::SomeFailed => 3,
            Self::Held => 4,
            Self::Quarantine => 5,
            Self::Locked => 6,
            Self::Unreachable => 7,
        }
    }

    /// The one that counts where both apply: 7, 5, 4, 3 in this order; what kept a command from
    /// its work stands between 7 and 5.
    #[must_use]
    pub fn worse(self, other: Self) -> Self {
        let rank = |code: Self| match code {
            Self::Done => 0,
            Self::SomeFailed => 1,
            Self::Held => 2,
            Self::Quarantine => 3,
            Self::Locked => 4,
            Self::Usage => 5,
            Self::Unexpected => 6,
            Self::Unreachable => 7,
        };
        if rank(other) > rank(self) { other } else { self }
    }

    /// The code of a cycle.
    pub(super) fn of_cycle(report: &CycleReport, trouble: Option<Trouble>) -> Self {
        let mut code = Self::Done;
        if report.totals.failure > 0 {
            code = code.worse(Self::SomeFailed);
        }
        if report.held.is_some() {
            code = code.worse(Self::Held);
        }
        if report.quarantine.is_some() {
            code = code.worse(Self::Quarantine);
        }
        match trouble {
            Some(trouble) => code.worse(Self::of_trouble(trouble)),
            None if report.error.is_some() => code.worse(Self::Unexpected),
            None => code,
        }
    }

    /// The code of what kept a command from its work.
    pub(super) fn of_trouble(trouble: Trouble) -> Self {
        match trouble {
            Trouble::SignIn
            | Trouble::Permission
            | Trouble::Graph
            | Trouble::TargetToken
            | Trouble::Target
            | Trouble::TargetAddress => Self::Unreachable,
            Trouble::TooManyFailures => Self::Quarantine,
            Trouble::EnterpriseApplication | Trouble::Rebound | Trouble::FilterName => Self::Usage,
            Trouble::TimeUp => Self::SomeFailed,
            Trouble::PropertyVanished | Trouble::State | Trouble::Stopped => Self::Unexpected,
        }
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code.number())
    }
}

#[cfg(test)]
mod tests {
    use super::{
        ExitCode::{self, Done, Held, Quarantine, SomeFailed, Unreachable},
        Trouble,
    };

    #[test]
    fn of_several_codes_seven_counts_before_five_before_four_before_three() {
        let all = [Done, SomeFailed, Held, Unreachable, Quarantine];
        let worst = all.into_iter().fold(Done, ExitCode::worse);
        assert_eq!(worst.number(), 7);
        assert_eq!(Quarantine.worse(Held).number(), 5);
        assert_eq!(Held.worse(Quarantine).number(), 5);
        assert_eq!(SomeFailed.worse(Held).number(), 4);
        assert_eq!(Held.worse(SomeFailed).number(), 4);
        assert_eq!(Done.worse(SomeFailed).number(), 3);
    }

    #[test]
    fn a_cycle_whose_time_is_up_ends_with_three() {
        assert_eq!(ExitCode::of_trouble(Trouble::TimeUp).number(), 3);
    }
}
