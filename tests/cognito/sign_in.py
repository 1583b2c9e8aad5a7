"""Signs in as an independent client: pycognito's SRP, boto3's requests.

Reads {"url", "region", "steps": [...]} from standard input and answers with what came of each step: tokens, or the error's
code and message. Steps:

    {"do": "srp", "pool", "client", "user", "password"}
    {"do": "new password", "pool", "client", "user", "password", "new"}
    {"do": "refresh", "client", "token"}         InitiateAuth with REFRESH_TOKEN_AUTH
    {"do": "rotate", "client", "token"}          GetTokensFromRefreshToken

A token may be {"of": number}: the refresh token that an earlier step brought.
"""

import json
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from pycognito.aws_srp import AWSSRP
from pycognito.exceptions import ForceChangePasswordException

asked = json.load(sys.stdin)
cognito = boto3.client(
    "cognito-idp",
    region_name=asked["region"],
    endpoint_url=asked["url"],
    aws_access_key_id="made-up",
    aws_secret_access_key="made-up",
    config=Config(retries={"total_max_attempts": 1}, parameter_validation=True),
)
answers = []


def srp(step):
    return AWSSRP(
        username=step["user"], password=step["password"], pool_id=step["pool"], client_id=step["client"], client=cognito
    )


def perform(step):
    token = step.get("token")
    if isinstance(token, dict):
        token = answers[token["of"]]["RefreshToken"]
    match step["do"]:
        case "srp":
            return srp(step).authenticate_user()
        case "new password":
            return srp(step).set_new_password_challenge(step["new"])
        case "refresh":
            return cognito.initiate_auth(
                AuthFlow="REFRESH_TOKEN_AUTH", ClientId=step["client"], AuthParameters={"REFRESH_TOKEN": token}
            )
        case "rotate":
            return cognito.get_tokens_from_refresh_token(ClientId=step["client"], RefreshToken=token)


for step in asked["steps"]:
    try:
        answers.append(perform(step)["AuthenticationResult"])
    except ForceChangePasswordException:
        answers.append({"code": "NEW_PASSWORD_REQUIRED"})
    except ClientError as error:
        answers.append({"code": error.response["Error"]["Code"], "message": error.response["Error"]["Message"]})

json.dump(answers, sys.stdout)
