"""What a task is told by its environment."""

from statemachine.tasks.launcher import task_environment

URL = "http://127.0.0.1:1/secret"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "wide",
    "AWS_SECRET_ACCESS_KEY": "wide",
    "AWS_SESSION_TOKEN": "wide",
    "AWS_PROFILE": "wide",
    "AWS_CONFIG_FILE": "/root/.aws/config",
    "AWS_SHARED_CREDENTIALS_FILE": "/root/.aws/credentials",
    "AWS_WEB_IDENTITY_TOKEN_FILE": "/token",
    "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/wide",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/credentials/wide",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN": "wide",
    "AWS_BEARER_TOKEN_BEDROCK": "wide",
}
NEEDED = {
    "PATH": "/usr/bin",
    "JOBS_TABLE": "Jobs",
    "REQUIRE_SANDBOX": "true",
    "AWS_REGION": "eu-central-1",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:4566",
    "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:4566",
    "AWS_CA_BUNDLE": "/etc/ca.pem",
}


def test_a_task_gets_none_of_the_credentials_that_its_launcher_has() -> None:
    environment = task_environment(NEEDED | CREDENTIALS, URL)
    assert "wide" not in " ".join(environment.values())
    assert not {"AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_PROFILE"} & environment.keys()
    assert environment["AWS_CONFIG_FILE"] == environment["AWS_SHARED_CREDENTIALS_FILE"] == "/dev/null"
    assert environment["AWS_EC2_METADATA_DISABLED"] == "true"


def test_a_task_gets_what_it_needs_and_the_address_of_its_own_credentials() -> None:
    environment = task_environment(NEEDED | CREDENTIALS, URL)
    assert NEEDED.items() <= environment.items()
    assert environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"] == URL
