//! The operations of AWS that the endpoint knows: their names, their services, and who may ask for them.
//!
//! Pure: no I/O, no clock, no tasks.

/// A service of AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// CloudWatch Logs.
    Logs,
    /// CloudWatch metrics.
    Metrics,
    /// Cognito user pools.
    UserPools,
    /// Cognito identity pools.
    IdentityPools,
}

impl Service {
    /// Its name in a signature's scope.
    pub fn signing_name(self) -> &'static str {
        match self {
            Self::Logs => "logs",
            Self::Metrics => "monitoring",
            Self::UserPools => "cognito-idp",
            Self::IdentityPools => "cognito-identity",
        }
    }

    /// What stands before an operation's name in `x-amz-target`; none where that header is not how it is called.
    pub fn target(self) -> Option<&'static str> {
        match self {
            Self::Logs => Some("Logs_20140328."),
            Self::Metrics => None,
            Self::UserPools => Some("AWSCognitoIdentityProviderService."),
            Self::IdentityPools => Some("AWSCognitoIdentityService."),
        }
    }
}

/// Declares the operations, each with its service, so that none can be forgotten in one of the tables.
macro_rules! operations {
    ($($service:ident, $doc:literal: $($name:ident)+;)+) => {
        /// An operation of AWS that this endpoint knows.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Operation {
            $($(#[doc = $doc] $name,)+)+
        }

        impl Operation {
            /// Every operation.
            pub const ALL: &[Self] = &[$($(Self::$name,)+)+];

            /// AWS's name for it.
            pub fn name(self) -> &'static str {
                match self {
                    $($(Self::$name => stringify!($name),)+)+
                }
            }

            /// The service that it belongs to.
            pub fn service(self) -> Service {
                match self {
                    $($(Self::$name)|+ => Service::$service,)+
                }
            }
        }
    };
}

operations! {
    Logs, "CloudWatch Logs.":
        PutLogEvents CreateLogGroup CreateLogStream PutRetentionPolicy DescribeLogGroups DescribeLogStreams;
    Metrics, "CloudWatch.":
        PutMetricData;
    UserPools, "Cognito user pools.":
        CreateUserPool DescribeUserPool UpdateUserPool DeleteUserPool
        CreateUserPoolClient DescribeUserPoolClient UpdateUserPoolClient DeleteUserPoolClient
        AdminCreateUser AdminSetUserPassword AdminGetUser AdminDeleteUser AdminUserGlobalSignOut
        AdminDisableUser AdminEnableUser ListUsers
        InitiateAuth RespondToAuthChallenge GetTokensFromRefreshToken RevokeToken;
    IdentityPools, "Cognito identity pools.":
        CreateIdentityPool DescribeIdentityPool UpdateIdentityPool DeleteIdentityPool
        SetIdentityPoolRoles GetIdentityPoolRoles SetPrincipalTagAttributeMap GetPrincipalTagAttributeMap
        GetId GetCredentialsForIdentity;
}

impl Operation {
    /// The operation of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|operation| operation.name() == name)
    }

    /// Whether a request for it bears a signature: all but those by which somebody without credentials comes by some.
    pub fn is_signed(self) -> bool {
        !matches!(
            self,
            Self::InitiateAuth
                | Self::RespondToAuthChallenge
                | Self::GetTokensFromRefreshToken
                | Self::RevokeToken
                | Self::GetId
                | Self::GetCredentialsForIdentity
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_is_found_by_the_name_aws_gives_it() {
        for operation in Operation::ALL {
            assert_eq!(Operation::named(operation.name()), Some(*operation));
        }
        assert_eq!(Operation::named("DeleteLogGroup"), None);
    }
}
