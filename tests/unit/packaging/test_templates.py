"""The lint passes what we deploy and catches what it is there to catch; the compute stack fits the main one."""

import copy
import json
import tomllib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from infra import templates
from infra.lint import linter, state_machine_rules, template_rules
from infra.packaging import deployment_package
from infra.paths import ROOT
from infra.templates import Template
from mediajobs.webhooks.delivery_tables import expiry

Change = Callable[[Any], object]
REQUEST_LIMIT = 51_200  # bytes of a template that is sent to CloudFormation and not uploaded first


@cache
def read(name: str) -> Template:
    return templates.load(ROOT / name)


@cache
def read_expanded() -> Template:
    return templates.translate(read("template.yaml"))


@pytest.fixture
def main() -> Template:
    return copy.deepcopy(read("template.yaml"))


@pytest.fixture
def compute() -> Template:
    return copy.deepcopy(read("infra/compute.yaml"))


@pytest.fixture
def expanded() -> Template:
    """template.yaml as CloudFormation sees it."""
    return copy.deepcopy(read_expanded())


def properties(template: Template, name: str) -> Any:
    return template["Resources"][name]["Properties"]


def of_kind(template: Template, kind: str) -> list[Any]:
    return [own for _, own in templates.resources(template, kind)]


def statement(template: Template) -> Any:
    """The first one of a policy that is there under a condition."""
    return properties(template, "PipelineRole")["Policies"][1]["Fn::If"][1]["PolicyDocument"]["Statement"][0]


def flat(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def holds(condition: Any, parameters: Mapping[str, str | int]) -> bool:
    """Whether a condition of a template is true with these parameters."""
    ((function, arguments),) = condition.items()
    if function == "Fn::Equals":
        first, second = (parameters[one["Ref"]] if isinstance(one, dict) else one for one in arguments)
        return bool(first == second)
    inner = [holds(one, parameters) for one in arguments]
    return {"Fn::Not": not all(inner), "Fn::Or": any(inner), "Fn::And": all(inner)}[function]


def stream_mapping(template: Template) -> Any:
    """One that reads a stream; queues have mappings as well."""
    return next(own for own in of_kind(template, "AWS::Lambda::EventSourceMapping") if "StartingPosition" in own)


class TestLint:
    def test_finds_nothing_in_what_we_deploy(self, capsys: pytest.CaptureFixture[str]) -> None:
        status = linter.main()
        assert capsys.readouterr().out == ""
        assert status == 0

    def test_finds_a_reference_to_what_is_not_there(self, main: Template) -> None:
        properties(main, "SchedulerFunction")["Environment"]["Variables"]["STATE_MACHINE"] = {"Ref": "Nowhere"}
        assert any("Nowhere" in finding for finding in linter.check(main))

    def test_finds_what_is_not_sam(self, main: Template) -> None:
        del properties(main, "ApiFunction")["Handler"]
        assert any("ApiFunction" in finding for finding in linter.check(main))


BROKEN: dict[str, tuple[Change, str]] = {
    "no encryption": (
        lambda t: properties(t, "MediaBucket").pop("BucketEncryption"),
        "MediaBucket: the bucket names no encryption",
    ),
    "a bucket that may be public": (
        lambda t: properties(t, "MediaBucket")["PublicAccessBlockConfiguration"].update(BlockPublicPolicy=False),
        "PublicAccessBlockConfiguration.BlockPublicPolicy: true",
    ),
    "uploads without an end": (
        lambda t: properties(t, "MediaBucket").pop("LifecycleConfiguration"),
        "AbortIncompleteMultipartUpload",
    ),
    "a bucket without versions": (
        lambda t: properties(t, "MediaBucket").pop("VersioningConfiguration"),
        "set VersioningConfiguration.Status: Enabled",
    ),
    "versions without an end": (
        lambda t: properties(t, "MediaBucket").pop("LifecycleConfiguration"),
        "add a lifecycle rule with NoncurrentVersionExpiration",
    ),
    "a right to delete versions": (
        lambda t: statement(t).update(
            Action=["s3:DeleteObject", "s3:DeleteObjectVersion"], Resource="arn:aws:s3:::m/*"
        ),
        "s3:DeleteObjectVersion allows s3:DeleteObjectVersion, which ends every way back",
    ),
    "a right to delete versions, by a pattern": (
        lambda t: statement(t).update(Action="s3:deleteobject*", Resource="arn:aws:s3:::m/*"),
        "s3:deleteobject* allows s3:DeleteObjectVersion",
    ),
    "a right to end versions by a lifecycle": (
        lambda t: statement(t).update(Action="s3:Put*Configuration", Resource="arn:aws:s3:::m"),
        "s3:Put*Configuration allows s3:PutLifecycleConfiguration",
    ),
    "no way back": (
        lambda t: properties(t, "JobsTable").pop("PointInTimeRecoverySpecification"),
        "JobsTable: a bad write could not be undone",
    ),
    "a table in the clear": (
        lambda t: properties(t, "ApiKeysTable").pop("SSESpecification"),
        "ApiKeysTable: the table names no encryption",
    ),
    "endless retries of a stream": (
        lambda t: stream_mapping(t).pop("MaximumRetryAttempts"),
        "set MaximumRetryAttempts",
    ),
    "a stream that loses records": (
        lambda t: stream_mapping(t).pop("DestinationConfig"),
        "set DestinationConfig.OnFailure",
    ),
    "a rule that loses events": (
        lambda t: of_kind(t, "AWS::Events::Rule")[0]["Targets"][0].pop("DeadLetterConfig"),
        "set DeadLetterConfig.Arn",
    ),
    "a log for ever": (
        lambda t: properties(t, "PipelineLogGroup").pop("RetentionInDays"),
        "PipelineLogGroup: the log is kept for ever",
    ),
    "an API without an access log": (
        lambda t: of_kind(t, "AWS::ApiGateway::Stage")[0].pop("AccessLogSetting"),
        "add an access log with DestinationArn and Format",
    ),
    "a WebSocket API without an access log": (
        lambda t: properties(t, "WebSocketStage").pop("AccessLogSettings"),
        "WebSocketStage: nobody can see who called",
    ),
    "an access log with keys in paths": (
        lambda t: of_kind(t, "AWS::ApiGateway::Stage")[0]["AccessLogSetting"].update(Format='"$context.path"'),
        "$context.path may contain a key",
    ),
    "an access log with keys of callers": (
        lambda t: properties(t, "WebSocketStage")["AccessLogSettings"].update(Format='"$context.authorizer.key"'),
        "$context.authorizer.key may contain a key",
    ),
    "no throttling": (
        lambda t: of_kind(t, "AWS::ApiGateway::Stage")[0]["MethodSettings"].pop(0),
        "set MethodSettings with throttling for /* and *",
    ),
    "execution logs": (
        lambda t: of_kind(t, "AWS::ApiGateway::Stage")[0]["MethodSettings"][0].update(LoggingLevel="INFO"),
        "execution logs contain queries with keys",
    ),
    "every action": (
        lambda t: statement(t).update(Action="*"),
        'the action "*" allows more than is needed',
    ),
    "every action of a service": (
        lambda t: statement(t).update(Action=["batch:*"]),
        'the action "batch:*" allows more than is needed',
    ),
    "a write to everything": (
        lambda t: statement(t).update(Action="dynamodb:UpdateItem", Resource="*"),
        'dynamodb:UpdateItem is allowed on Resource "*"; name the',
    ),
    "a write to everything, behind a condition and a pattern": (
        lambda t: statement(t).update(
            Action=["s3:Put*"], Resource=[{"Fn::If": ["RunsOnBatch", "*", {"Ref": "AWS::NoValue"}]}]
        ),
        's3:Put* is allowed on Resource "*"',
    ),
    "all but some": (
        lambda t: statement(t).update(NotAction="iam:*"),
        "NotAction and NotResource allow what nobody listed",
    ),
}


class TestRules:
    @pytest.mark.parametrize(("change", "finding"), BROKEN.values(), ids=BROKEN)
    def test_what_is_broken_is_found(self, expanded: Template, change: Change, finding: str) -> None:
        before = set(template_rules.check(expanded))
        change(expanded)
        new = set(template_rules.check(expanded)) - before
        assert any(finding in line for line in new), new

    def test_an_action_that_knows_no_resource_may_be_allowed_on_all(self, compute: Template) -> None:
        assert not [line for line in template_rules.check(compute) if "ecr:GetAuthorizationToken" in line]


BROKEN_MACHINE: dict[str, tuple[Change, str]] = {
    "a way to nowhere": (
        lambda m: m["States"]["Plan"].update(Next="Nowhere"),
        "Plan: goes on to 'Nowhere', which is not there",
    ),
    "a catch to nowhere": (
        lambda m: m["States"]["Plan"]["Catch"][0].update(Next="Nowhere"),
        "Plan: goes on to 'Nowhere', which is not there",
    ),
    "a choice to nowhere, in a branch": (
        lambda m: m["States"]["Make"]["Branches"][0]["States"]["MediaWanted?"].update(Default="Nowhere"),
        "MediaWanted?: goes on to 'Nowhere', which is not there",
    ),
    "a choice without a default": (
        lambda m: m["States"]["Make"]["Branches"][0]["States"]["MediaWanted?"].pop("Default"),
        "MediaWanted?: a Choice that nothing fits fails the execution; add Default",
    ),
    "an island": (
        lambda m: m["States"].update(Island={"Type": "Succeed"}),
        "Island: no state leads here",
    ),
    "no start": (lambda m: m.update(StartAt="Nowhere"), "StartAt names 'Nowhere'"),
    "no end": (lambda m: m["States"]["Publish"].pop("End"), "Publish: add either Next or End"),
    "no retry": (lambda m: m["States"]["Plan"].pop("Retry"), "Plan: a passing fault fails the job; add Retry"),
    "retries in step": (
        lambda m: m["States"]["Plan"]["Retry"][0].pop("JitterStrategy"),
        "Plan: retries of Lambda.ServiceException",
    ),
    "no time-out": (lambda m: m["States"]["Plan"].pop("TimeoutSeconds"), "Plan: a lost task hangs for a year"),
    "no time-out of all": (lambda m: m.pop("TimeoutSeconds"), "an execution may hang for a year"),
    "no catch": (lambda m: m["States"]["Plan"].pop("Catch"), "Plan: a failure would not land in the job"),
    "no catch around the branches": (
        lambda m: m["States"]["Make"].pop("Catch"),
        "Media: a failure would not land in the job",
    ),
    "no share": (
        lambda m: m["States"]["Validate"]["Parameters"].pop("ShareIdentifier.$"),
        "Validate: a fair-share queue refuses or misplaces the job; add ShareIdentifier",
    ),
}


class TestStateMachine:
    @pytest.fixture
    def substitutions(self, main: Template) -> list[str]:
        return [*properties(main, "Pipeline")["DefinitionSubstitutions"]]

    @pytest.fixture
    def text(self, main: Template) -> str:
        path: str = properties(main, "Pipeline")["DefinitionUri"]
        return (ROOT / path).read_text()

    @pytest.mark.parametrize(("change", "finding"), BROKEN_MACHINE.values(), ids=BROKEN_MACHINE)
    def test_what_is_broken_is_found(self, text: str, substitutions: list[str], change: Change, finding: str) -> None:
        machine = json.loads(text.replace("${TaskHeartbeatSeconds}", '"${TaskHeartbeatSeconds}"'))
        change(machine)
        found = list(state_machine_rules.check(json.dumps(machine), substitutions))
        assert any(finding in line for line in found), found

    def test_substitutions_are_those_of_the_template(self, text: str, substitutions: list[str]) -> None:
        missing, spare = substitutions[1:], [*substitutions, "Spare"]
        assert list(state_machine_rules.check(text, missing)) == [
            f"${{{substitutions[0]}}} stays as it is; add {substitutions[0]} to DefinitionSubstitutions"
        ]
        assert list(state_machine_rules.check(text, spare)) == [
            "the substitution Spare is not used; take it out of DefinitionSubstitutions"
        ]

    def test_what_is_not_json_is_said(self) -> None:
        assert next(state_machine_rules.check("{", [])).startswith("not JSON")


class TestCompute:
    def test_nothing_comes_in(self, compute: Template) -> None:
        for group in of_kind(compute, "AWS::EC2::SecurityGroup"):
            assert "SecurityGroupIngress" not in group

    def test_image_tags_stay_what_they_are(self, compute: Template) -> None:
        for repository in of_kind(compute, "AWS::ECR::Repository"):
            assert repository["ImageTagMutability"] == "IMMUTABLE"
            assert repository["ImageScanningConfiguration"] == {"ScanOnPush": True}
            assert json.loads(repository["LifecyclePolicy"]["LifecyclePolicyText"])["rules"]

    def test_a_bad_input_and_a_stop_end_a_job_and_a_lost_host_or_a_passing_fault_do_not(
        self, compute: Template
    ) -> None:
        for job in of_kind(compute, "AWS::Batch::JobDefinition"):
            assert job["RetryStrategy"]["EvaluateOnExit"] == [
                {"OnExitCode": "65", "Action": "EXIT"},
                {"OnExitCode": "77", "Action": "EXIT"},
                {"OnStatusReason": "Host EC2*", "Action": "RETRY"},
                {"OnExitCode": "*", "Action": "RETRY"},
                {"OnReason": "*", "Action": "EXIT"},
            ]
            assert job["Timeout"]["AttemptDurationSeconds"] > 0

    def test_a_task_is_an_ordinary_user_that_writes_to_scratch_alone(self, compute: Template) -> None:
        for job in of_kind(compute, "AWS::Batch::JobDefinition"):
            container = job["ContainerProperties"]
            assert container["User"] == "10001:10001"
            assert container["ReadonlyRootFilesystem"] is True
            assert container["Privileged"] is False
            assert [point["ContainerPath"] for point in container["MountPoints"]] == ["/scratch"]

    @pytest.mark.parametrize(
        ("stage", "parameter", "required"),
        [("prod", "false", "true"), ("prod", "true", "true"), ("dev", "true", "true"), ("dev", "false", "false")],
    )
    def test_in_prod_no_task_runs_without_a_sandbox(
        self, compute: Template, stage: str, parameter: str, required: str
    ) -> None:
        parameters = {"Stage": stage, "RequireSandbox": parameter}
        jobs = of_kind(compute, "AWS::Batch::JobDefinition")
        assert len(jobs) == 3
        for job in jobs:
            (setting,) = [one for one in job["ContainerProperties"]["Environment"] if one["Name"] == "REQUIRE_SANDBOX"]
            condition, if_true, if_false = setting["Value"]["Fn::If"]
            value = if_true if holds(compute["Conditions"][condition], parameters) else if_false
            assert value == required

    def test_what_the_state_machine_submits_leaves_the_sandbox_as_it_is(self, main: Template) -> None:
        text = (ROOT / properties(main, "Pipeline")["DefinitionUri"]).read_text()
        assert "REQUIRE_SANDBOX" not in text

    def test_a_container_may_do_nothing_but_start_sessions_of_jobs(self, main: Template, compute: Template) -> None:
        role = properties(compute, "JobRole")
        (policy,) = role["Policies"]
        assert [(one["Action"], one["Resource"]["Fn::Sub"]) for one in policy["PolicyDocument"]["Statement"]] == [
            ("sts:AssumeRole", "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/${TaskRole}")
        ]
        (trust,) = properties(main, "TaskRole")["AssumeRolePolicyDocument"]["Statement"]
        (tag,) = role["Tags"]
        assert trust["Condition"] == {"StringEquals": {f"aws:PrincipalTag/{tag['Key']}": tag["Value"]}}

    def test_the_task_role_works_from_the_vpc_of_the_tasks_alone(self, main: Template, compute: Template) -> None:
        (policy,) = properties(main, "TaskRole")["Policies"]
        export = compute["Outputs"]["Vpc"]["Export"]["Name"]
        from_vpc = {"aws:SourceVpc": {"Fn::ImportValue": export}}
        own = [one for one in policy["PolicyDocument"]["Statement"] if "Fn::If" not in one]
        assert {action.split(":")[0] for one in own for action in flat(one["Action"])} == {"s3", "dynamodb"}
        for one in own:
            condition = one["Condition"]
            on_batch = condition["Fn::If"][1] if "Fn::If" in condition else condition
            equals = on_batch["StringEquals"]
            assert (equals["Fn::If"][1] if "Fn::If" in equals else equals) == from_vpc
        gateways = {
            one["ServiceName"]["Fn::Sub"].rpartition(".")[2] for one in of_kind(compute, "AWS::EC2::VPCEndpoint")
        }
        assert gateways == {"s3", "dynamodb"}

    def test_a_task_fits_the_smallest_host_that_may_take_it(self, compute: Template) -> None:
        for job in of_kind(compute, "AWS::Batch::JobDefinition"):
            needs = {one["Type"]: int(one["Value"]) for one in job["ContainerProperties"]["ResourceRequirements"]}
            # 2 GiB a vCPU is the least that the CPU families have, 16 GiB the GPU hosts; ECS takes some 600 MiB of it.
            assert needs["MEMORY"] <= 16 * 1024 - 1024
            assert needs["VCPU"] == (4 if "GPU" in needs else 8)

    def test_priorities_count_in_every_queue_and_no_account_weighs_more(self, compute: Template) -> None:
        (policy,) = of_kind(compute, "AWS::Batch::SchedulingPolicy")
        assert "ShareDistribution" not in policy["FairsharePolicy"]
        for queue in of_kind(compute, "AWS::Batch::JobQueue"):
            assert queue["SchedulingPolicyArn"] == {"Ref": "SchedulingPolicy"}


class TestStages:
    @pytest.mark.parametrize(
        ("stage", "private", "refusals"),
        [("local", "true", 0), ("local", "false", 0), ("dev", "true", 1), ("prod", "true", 1), ("dev", "false", 0)],
    )
    def test_private_addresses_are_for_a_stack_on_ones_own_machine(
        self, main: Template, stage: str, private: str, refusals: int
    ) -> None:
        parameters = {"Stage": stage, "AllowPrivateUrls": private}
        refused = [
            assertion
            for rule in main["Rules"].values()
            if holds(rule["RuleCondition"], parameters)
            for assertion in rule["Assertions"]
            if not holds(assertion["Assert"], parameters)
        ]
        assert len(refused) == refusals

    def test_versions_are_kept_where_lifecycle_rules_end_them(self, main: Template) -> None:
        condition, local, elsewhere = properties(main, "MediaBucket")["VersioningConfiguration"]["Status"]["Fn::If"]
        assert holds(main["Conditions"][condition], {"Stage": "local"})
        assert not holds(main["Conditions"][condition], {"Stage": "prod"})
        assert (local, elsewhere) == ("Suspended", "Enabled")


class TestRights:
    def test_none_is_given_twice(self, main: Template) -> None:
        for name, function in templates.resources(main, "AWS::Serverless::Function"):
            statements = [each for policy in function.get("Policies", []) for each in policy["Statement"]]
            given = [
                (action, json.dumps(resource), json.dumps(each.get("Condition")))
                for each in statements
                if "Action" in each
                for action in flat(each["Action"])
                for resource in flat(each["Resource"])
            ]
            assert sorted(set(given)) == sorted(given), name

    @pytest.mark.parametrize("function", ["ApiFunction", "PipelineStepFunction"])
    def test_who_asks_for_what_may_be_gone_is_told_so(self, main: Template, function: str) -> None:
        """S3 says 404 to those alone who may list; a GET has no prefix that a condition could be about."""
        statements = [each for policy in properties(main, function)["Policies"] for each in policy["Statement"]]
        (listing,) = [each for each in statements if each.get("Action") == "s3:ListBucket"]
        assert "Condition" not in listing


class TestGateways:
    def test_an_access_log_is_a_line_of_json_without_what_a_client_may_have_put_a_key_into(
        self, expanded: Template
    ) -> None:
        (rest,) = of_kind(expanded, "AWS::ApiGateway::Stage")
        for log in (rest["AccessLogSetting"], properties(expanded, "WebSocketStage")["AccessLogSettings"]):
            line = json.loads(log["Format"])
            assert {"request_id", "source_ip", "route", "status", "error", "latency_ms"} <= line.keys()
            assert log["DestinationArn"] == {"Fn::GetAtt": ["AccessLogGroup", "Arn"]}
            assert "\n" not in log["Format"]

    def test_every_throttled_method_is_a_route(self, main: Template) -> None:
        events = [one["Properties"] for one in properties(main, "ApiFunction")["Events"].values()]
        routes = {(one["Path"], one["Method"]) for one in events}
        everything, *expensive = properties(main, "Api")["MethodSettings"]
        assert (everything["ResourcePath"], everything["HttpMethod"]) == ("/*", "*")
        assert expensive
        for one in expensive:
            assert (one["ResourcePath"][1:].replace("~1", "/"), one["HttpMethod"]) in routes

    def test_expensive_methods_take_fewer_requests(self, main: Template) -> None:
        everything, *expensive = properties(main, "Api")["MethodSettings"]
        for limit in ("ThrottlingRateLimit", "ThrottlingBurstLimit"):
            default = main["Parameters"][everything[limit]["Ref"]]["Default"]
            assert all(main["Parameters"][one[limit]["Ref"]]["Default"] < default for one in expensive)

    def test_nothing_is_reserved_unless_asked_for(self, main: Template) -> None:
        condition, reserved, otherwise = properties(main, "ApiFunction")["ReservedConcurrentExecutions"]["Fn::If"]
        assert not holds(main["Conditions"][condition], {"ApiReservedConcurrency": 0})
        assert holds(main["Conditions"][condition], {"ApiReservedConcurrency": 50})
        assert (reserved, otherwise) == ({"Ref": "ApiReservedConcurrency"}, {"Ref": "AWS::NoValue"})


class TestQueues:
    def test_no_message_comes_again_while_its_function_may_still_be_at_it(self, expanded: Template) -> None:
        for mapping in of_kind(expanded, "AWS::Lambda::EventSourceMapping"):
            queue, attribute = mapping["EventSourceArn"]["Fn::GetAtt"]
            if attribute == "Arn":  # not a stream
                function = properties(expanded, mapping["FunctionName"]["Ref"])
                assert properties(expanded, queue)["VisibilityTimeout"] >= function["Timeout"], queue

    def test_an_event_for_webhooks_is_tried_again_soon_and_outlives_hours_of_outage(self, main: Template) -> None:
        queue = properties(main, "WebhookEventsQueue")
        assert queue["VisibilityTimeout"] <= 180
        assert queue["VisibilityTimeout"] * queue["RedrivePolicy"]["maxReceiveCount"] >= 4 * 3600


class TestFailedEvents:
    def test_every_rule_may_put_there_what_its_target_refuses(self, expanded: Template) -> None:
        (statement,) = properties(expanded, "FailedEventsQueuePolicy")["PolicyDocument"]["Statement"]
        assert (statement["Action"], statement["Principal"]) == ("sqs:SendMessage", {"Service": "events.amazonaws.com"})
        allowed = [one["Fn::Sub"].split(":rule/")[1] for one in statement["Condition"]["ArnLike"]["aws:SourceArn"]]
        for name, rule in templates.resources(expanded, "AWS::Events::Rule"):
            assert "Name" not in rule, name  # CloudFormation's begins with the stack's
            assert ("${EventBus}/*" if "EventBusName" in rule else "${AWS::StackName}-*") in allowed
            for target in rule["Targets"]:
                assert target["DeadLetterConfig"] == {"Arn": statement["Resource"]}, name


class TestArchive:
    def test_it_replays_no_event_whose_deliveries_are_forgotten(self, main: Template) -> None:
        """A replay takes its time, and so may the archive with what is old."""
        happened = datetime(2026, 3, 1, tzinfo=UTC)
        archived = timedelta(days=properties(main, "EventArchive")["RetentionDays"])
        assert expiry(happened) >= (happened + archived + timedelta(days=1)).timestamp()


class TestDeployment:
    @pytest.mark.parametrize(("stage", "transcribe_on"), [("dev", "cpu"), ("prod", "gpu")])
    def test_the_settings_name_the_queues_and_definitions_that_the_compute_stack_makes(
        self, main: Template, compute: Template, stage: str, transcribe_on: str
    ) -> None:
        settings = tomllib.loads((ROOT / "samconfig.toml").read_text())[stage]["deploy"]["parameters"]
        given = dict(line.split("=", 1) for line in settings["parameter_overrides"])
        assert given.keys() <= main["Parameters"].keys()
        assert given["Stage"] == stage
        for name in ("CpuJobQueue", "GpuJobQueue", "MediaJobDefinition", "TranscribeJobDefinition"):
            output = compute["Outputs"][name]["Value"]["Fn::Sub"]
            assert given[name] == output.replace("${Stage}", stage).replace("${TranscribeOn}", transcribe_on)

    def test_the_compute_stack_is_deployed_without_aliases_and_in_one_request(
        self, compute: Template, tmp_path: Path
    ) -> None:
        deployed = tmp_path / "compute.yaml"
        deployment_package.write_template(compute, deployed)
        assert json.loads(deployed.read_text()) == compute
        assert deployed.stat().st_size <= REQUEST_LIMIT
