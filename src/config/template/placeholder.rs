//! The values that names are filled in with: how they are written, where they may stand, and what they are on this machine.
//!
//! Pure.

use super::Purpose;

/// What is known of this machine: the values of placeholders.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// `{instance_id}`.
    pub instance_id: String,
    /// `{hostname}`, `{local_hostname}`.
    pub hostname: String,
    /// `{ip_address}`; none without a network.
    pub ip_address: Option<String>,
    /// `{account_id}`; none until AWS was asked.
    pub account_id: Option<String>,
    /// `{aws_region}`.
    pub region: Option<String>,
    /// What EC2 says of this machine; nothing anywhere else.
    pub ec2: Ec2,
}

/// What EC2 says of an instance: the CloudWatch Agent's `${aws:…}`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ec2 {
    /// `${aws:InstanceId}`.
    pub instance_id: Option<String>,
    /// `${aws:ImageId}`.
    pub image_id: Option<String>,
    /// `${aws:InstanceType}`.
    pub instance_type: Option<String>,
    /// `${aws:AutoScalingGroupName}`: known where the instance's tags are shown in its metadata.
    pub auto_scaling_group: Option<String>,
}

/// A value that a name is filled in with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placeholder {
    /// This machine's id.
    InstanceId,
    /// Its host name.
    Hostname,
    /// The address of the interface with the default route.
    IpAddress,
    /// The AWS account.
    AccountId,
    /// The AWS region.
    Region,
    /// The base name of a file.
    FileName,
    /// The whole path of a file.
    FilePath,
    /// The UTC day of a record.
    Date,
    /// The id that EC2 gave.
    Ec2InstanceId,
    /// The image that an EC2 instance was made of.
    Ec2ImageId,
    /// The type of an EC2 instance.
    Ec2InstanceType,
    /// The group that an EC2 instance belongs to.
    Ec2AutoScalingGroup,
}

pub(super) const BUILT: [(&str, Placeholder); 9] = [
    ("instance_id", Placeholder::InstanceId),
    ("hostname", Placeholder::Hostname),
    ("local_hostname", Placeholder::Hostname),
    ("ip_address", Placeholder::IpAddress),
    ("account_id", Placeholder::AccountId),
    ("aws_region", Placeholder::Region),
    ("file_name", Placeholder::FileName),
    ("file_path", Placeholder::FilePath),
    (DATE, Placeholder::Date),
];

/// The CloudWatch Agent's, in `${…}`.
pub(super) const OF_EC2: [(&str, Placeholder); 4] = [
    ("aws:InstanceId", Placeholder::Ec2InstanceId),
    ("aws:ImageId", Placeholder::Ec2ImageId),
    ("aws:InstanceType", Placeholder::Ec2InstanceType),
    ("aws:AutoScalingGroupName", Placeholder::Ec2AutoScalingGroup),
];

pub(super) const DATE: &str = "date";

impl Placeholder {
    /// As it is written.
    pub(super) fn written(self) -> String {
        let among =
            |names: &[(&str, Self)]| names.iter().find(|(_, other)| *other == self).map(|(name, _)| name.to_string());
        match among(&BUILT) {
            Some(name) => format!("{{{name}}}"),
            None => format!("${{{}}}", among(&OF_EC2).unwrap_or_default()),
        }
    }

    /// Whether it can stand in a name of this kind.
    pub(super) fn may_stand_in(self, purpose: Purpose) -> bool {
        match purpose {
            Purpose::Group | Purpose::Stream => !self.is_of_ec2(),
            Purpose::Namespace => !self.is_of_record() && !self.is_of_ec2(),
            Purpose::Dimension => !self.is_of_record(),
        }
    }

    pub(super) fn is_of_record(self) -> bool {
        matches!(self, Self::FileName | Self::FilePath | Self::Date)
    }

    pub(super) fn is_of_ec2(self) -> bool {
        OF_EC2.iter().any(|(_, other)| *other == self)
    }

    /// Its value on this machine; none where it is not known, or differs from record to record.
    pub(super) fn value(self, facts: &Facts) -> Option<&str> {
        match self {
            Self::InstanceId => Some(&facts.instance_id),
            Self::Hostname => Some(&facts.hostname),
            Self::IpAddress => facts.ip_address.as_deref(),
            Self::AccountId => facts.account_id.as_deref(),
            Self::Region => facts.region.as_deref(),
            Self::Ec2InstanceId => facts.ec2.instance_id.as_deref(),
            Self::Ec2ImageId => facts.ec2.image_id.as_deref(),
            Self::Ec2InstanceType => facts.ec2.instance_type.as_deref(),
            Self::Ec2AutoScalingGroup => facts.ec2.auto_scaling_group.as_deref(),
            Self::FileName | Self::FilePath | Self::Date => None,
        }
    }

    /// Why there is no value, and what to do.
    pub(super) fn why_unknown(self) -> (&'static str, &'static str) {
        match self {
            Self::IpAddress => ("this machine has no address with a default route", "it is looked for again"),
            Self::AccountId => (
                "AWS did not tell the account yet",
                "agent.authentication.accountId or the ARN of a role name it without asking",
            ),
            Self::Region => ("no region is set", "name it in agent.region"),
            _ => ("EC2 does not tell it here", "it is known on EC2 only"),
        }
    }
}
