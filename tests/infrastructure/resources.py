"""Makes, changes and deletes the resources of a stack through their own APIs: one class a type.

moto knows neither roles nor principal tags of identity pools, so where the endpoint of Cognito is moto these two are kept
here, and only their form is checked. With an endpoint that knows them they are sent there.
"""

import json
import random
import string

import boto3
from botocore.exceptions import ClientError


class Failed(Exception):
    """A resource that cannot be made; its text is the reason in the event."""


class World:
    """The clients, and what the stack's place is called."""

    def __init__(self, moto, cognito, region, account):
        self.region, self.account = region, account
        self.partition = "aws-cn" if region.startswith("cn-") else "aws-us-gov" if region.startswith("us-gov-") else "aws"
        self.domain = "amazonaws.com.cn" if self.partition == "aws-cn" else "amazonaws.com"
        self.knows_cognito = cognito is not None
        place = {"cognito-idp": cognito or moto, "cognito-identity": cognito or moto}
        self.clients = {
            name: boto3.client(
                name, region_name=region, endpoint_url=place.get(name, moto),
                aws_access_key_id="made-up", aws_secret_access_key="made-up",
            )
            for name in ("cognito-idp", "cognito-identity", "iam", "cloudwatch")
        }

    def call(self, service, operation, **arguments):
        try:
            answer = getattr(self.clients[service], operation)(**arguments)
        except ClientError as error:
            raise Failed(error.response["Error"].get("Message") or str(error)) from error
        answer.pop("ResponseMetadata", None)
        return answer


def some_letters(count):
    return "".join(random.choices(string.ascii_letters + string.digits, k=count))


class Resource:
    """What every type has: which properties cannot change without a new one in its place."""

    create_only = ()

    def update(self, world, made, old, new):
        raise Failed(f"{type(self).__name__} cannot be updated here")


class UserPool(Resource):
    def create(self, world, stack, logical, properties):
        rest = {key: value for key, value in properties.items() if key != "UserPoolName"}
        pool = world.call("cognito-idp", "create_user_pool", PoolName=properties["UserPoolName"], **rest)["UserPool"]
        name = f"cognito-idp.{world.region}.{world.domain}/{pool['Id']}"
        arn = f"arn:{world.partition}:cognito-idp:{world.region}:{world.account}:userpool/{pool['Id']}"
        return {"Ref": pool["Id"], "ProviderName": name, "Arn": arn}

    def update(self, world, made, old, new):
        if old.get("UsernameConfiguration") != new.get("UsernameConfiguration"):
            raise Failed("Updates are not allowed for property - UsernameConfiguration.")
        kept = {key: value for key, value in new.items() if key not in ("UserPoolName", "UsernameConfiguration")}
        world.call("cognito-idp", "update_user_pool", UserPoolId=made["Ref"], **kept)
        return made

    def delete(self, world, made, properties):
        # As it is, and not as the stack made it: somebody may have changed it by hand.
        pool = world.call("cognito-idp", "describe_user_pool", UserPoolId=made["Ref"])["UserPool"]
        if pool.get("DeletionProtection", properties.get("DeletionProtection")) == "ACTIVE":
            raise Failed("The user pool cannot be deleted because deletion protection is activated. Deletion protection must be inactivated first.")
        world.call("cognito-idp", "delete_user_pool", UserPoolId=made["Ref"])


class UserPoolClient(Resource):
    create_only = ("UserPoolId", "GenerateSecret")

    def create(self, world, stack, logical, properties):
        rotates = properties.get("RefreshTokenRotation", {}).get("Feature") == "ENABLED"
        if rotates and "ALLOW_REFRESH_TOKEN_AUTH" in properties["ExplicitAuthFlows"]:
            raise Failed("Refresh token rotation is not supported with ALLOW_REFRESH_TOKEN_AUTH")
        client = world.call("cognito-idp", "create_user_pool_client", **properties)["UserPoolClient"]
        return {"Ref": client["ClientId"]}

    def delete(self, world, made, properties):
        world.call("cognito-idp", "delete_user_pool_client", UserPoolId=properties["UserPoolId"], ClientId=made["Ref"])


class IdentityPool(Resource):
    def create(self, world, stack, logical, properties):
        name = properties.get("IdentityPoolName", f"{logical}_{some_letters(12)}")
        pool = world.call("cognito-identity", "create_identity_pool", IdentityPoolName=name, **properties)
        return {"Ref": pool["IdentityPoolId"]}

    def delete(self, world, made, properties):
        world.call("cognito-identity", "delete_identity_pool", IdentityPoolId=made["Ref"])


class IdentityPoolPrincipalTag(Resource):
    create_only = ("IdentityPoolId", "IdentityProviderName")

    def create(self, world, stack, logical, properties):
        if not isinstance(properties["UseDefaults"], bool) or not properties["PrincipalTags"]:
            raise Failed("Model validation failed (#: extraneous or missing key)")
        if world.knows_cognito:
            world.call("cognito-identity", "set_principal_tag_attribute_map", **properties)
        return {"Ref": f"{properties['IdentityPoolId']}|{properties['IdentityProviderName']}"}

    def delete(self, world, made, properties):
        """Goes with its identity pool."""


class IdentityPoolRoleAttachment(Resource):
    create_only = ("IdentityPoolId",)

    def create(self, world, stack, logical, properties):
        if set(properties["Roles"]) - {"authenticated", "unauthenticated"}:
            raise Failed("Roles knows authenticated and unauthenticated only")
        if world.knows_cognito:
            world.call("cognito-identity", "set_identity_pool_roles", **properties)
        return {"Ref": properties["IdentityPoolId"]}

    def delete(self, world, made, properties):
        """Goes with its identity pool."""


class Role(Resource):
    def create(self, world, stack, logical, properties):
        name = f"{stack}-{logical}-{some_letters(12)}"[:64]
        trust = json.dumps(properties["AssumeRolePolicyDocument"])
        role = world.call(
            "iam", "create_role", RoleName=name, AssumeRolePolicyDocument=trust, Description=properties.get("Description", "")
        )["Role"]
        return {"Ref": name, "Arn": role["Arn"]}

    def delete(self, world, made, properties):
        world.call("iam", "delete_role", RoleName=made["Ref"])


class RolePolicy(Resource):
    create_only = ("RoleName", "PolicyName")
    # IAM: all inline policies of a role, white space not counted.
    most = 10_240

    def put(self, world, properties):
        role, name = properties["RoleName"], properties["PolicyName"]
        if len(name) > 128:
            raise Failed("Value at 'policyName' failed to satisfy constraint: Member must have length less than or equal to 128")
        document = json.dumps(properties["PolicyDocument"], separators=(",", ":"))
        others = [each for each in world.call("iam", "list_role_policies", RoleName=role)["PolicyNames"] if each != name]
        held = sum(
            len(json.dumps(world.call("iam", "get_role_policy", RoleName=role, PolicyName=each)["PolicyDocument"], separators=(",", ":")))
            for each in others
        )
        if held + len(document) > self.most:
            raise Failed(f"Maximum policy size of {self.most} bytes exceeded for role {role}")
        world.call("iam", "put_role_policy", RoleName=role, PolicyName=name, PolicyDocument=document)

    def create(self, world, stack, logical, properties):
        self.put(world, properties)
        return {"Ref": f"{properties['PolicyName']}|{properties['RoleName']}"}

    def update(self, world, made, old, new):
        self.put(world, new)
        return made

    def delete(self, world, made, properties):
        world.call("iam", "delete_role_policy", RoleName=properties["RoleName"], PolicyName=properties["PolicyName"])


class Dashboard(Resource):
    create_only = ("DashboardName",)

    def create(self, world, stack, logical, properties):
        json.loads(properties["DashboardBody"])
        world.call("cloudwatch", "put_dashboard", **properties)
        return {"Ref": properties["DashboardName"]}

    def update(self, world, made, old, new):
        return self.create(world, "", "", new)

    def delete(self, world, made, properties):
        world.call("cloudwatch", "delete_dashboards", DashboardNames=[made["Ref"]])


TYPES = {
    "AWS::Cognito::UserPool": UserPool(),
    "AWS::Cognito::UserPoolClient": UserPoolClient(),
    "AWS::Cognito::IdentityPool": IdentityPool(),
    "AWS::Cognito::IdentityPoolPrincipalTag": IdentityPoolPrincipalTag(),
    "AWS::Cognito::IdentityPoolRoleAttachment": IdentityPoolRoleAttachment(),
    "AWS::IAM::Role": Role(),
    "AWS::IAM::RolePolicy": RolePolicy(),
    "AWS::CloudWatch::Dashboard": Dashboard(),
}
