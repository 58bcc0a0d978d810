"""What AWS writes of launches and ends, read carefully: real texts, and what they do not say."""

import pytest

from tools.aws.activities import OTHER, told_by_activity, told_by_history

IN_B = '{"Subnet ID":"subnet-085761ed","Availability Zone":"us-east-1b"}'
NO_SPOT = (
    "Could not launch Spot Instances. InsufficientInstanceCapacity - There is no Spot capacity available that matches"
    " your request. Launching EC2 instance failed."
)
UNFULFILLABLE = (
    "Could not launch Spot Instances. UnfulfillableCapacity - Unable to fulfill capacity due to your request"
    " configuration. Please adjust your request and try again. Launching EC2 instance failed."
)
NO_M5 = (
    "InsufficientInstanceCapacity - We currently do not have sufficient m5.large capacity in the Availability Zone you"
    " requested (us-east-1a). Launching EC2 instance failed."
)
UNHEALTHY = (
    "an instance was taken out of service in response to an EC2 health check indicating it has been terminated or"
    " stopped."
)
TWO = ("m5.large", "m6i.large")


def failed(message, details=IN_B):
    return {
        "Description": f"Launching a new EC2 instance.  Status Reason: {message}",
        "StatusCode": "Failed",
        "StatusMessage": message,
        "Details": details,
    }


def ended(cause):
    return {"Description": "Terminating EC2 instance: i-0123456789abcdef0", "StatusCode": "Successful", "Cause": cause}


def test_a_refusal_that_names_no_type_refused_every_type_of_the_group_in_its_zone():
    told = told_by_activity(failed(NO_SPOT), TWO)
    assert (told.kind, told.instance_types, told.zone_name) == ("refusal", TWO, "us-east-1b")
    assert told.code == "InsufficientInstanceCapacity"


def test_a_refusal_that_names_its_type_and_zone_speaks_of_that_pool_alone():
    text = (
        "Could not launch Spot Instances. InsufficientInstanceCapacity - We currently do not have sufficient"
        " g4dn.8xlarge capacity in the Availability Zone you requested (us-east-1a). Launching EC2 instance failed."
    )
    told = told_by_activity(failed(text, "{}"), TWO)
    assert (told.kind, told.instance_types, told.zone_name) == ("refusal", ("g4dn.8xlarge",), "us-east-1a")


def test_unfulfillable_may_be_the_requests_own_fault_so_of_two_types_it_names_none():
    assert told_by_activity(failed(UNFULFILLABLE), TWO).instance_types == ()
    assert told_by_activity(failed(UNFULFILLABLE), ("m5.large",)).instance_types == ("m5.large",)


@pytest.mark.parametrize(
    "message",
    [
        "Max spot instance count exceeded. Launching EC2 instance failed.",
        "You have requested more instances (7) than your current instance limit of 6 allows.",
        "Could not launch Spot Instances. SpotMaxPriceTooLow - Your Spot request price of 0.01 is lower than 0.03.",
        f"Could not launch On-Demand Instances. {NO_M5}",
    ],
)
def test_a_quota_a_price_and_an_on_demand_machine_are_no_refusal_of_spot_capacity(message):
    assert told_by_activity(failed(message), TWO) == OTHER


@pytest.mark.parametrize("details", [None, "", "not json", "[1]", '{"Availability Zone":"<b>"}'])
def test_details_that_cannot_be_read_leave_the_zone_unknown(details):
    assert told_by_activity(failed(NO_SPOT, details), TWO).zone_name is None


@pytest.mark.parametrize(
    ("cause", "kind"),
    [
        ("an instance was taken out of service in response to an EC2 instance rebalance recommendation.", "rebalance"),
        ("an instance was taken out of service in response to a EC2 Spot interruption notice.", "interruption"),
        (UNHEALTHY, "gone"),
        ("an instance was taken out of service in response to a difference between desired and actual capacity", None),
        ("a user request update of AutoScalingGroup constraints to min: 1, max: 5, desired: 2", None),
        ("instances were launched to balance instances in zones us-east-1a with other zones: availability zone", None),
    ],
)
def test_why_an_instance_left(cause, kind):
    told = told_by_activity(ended(f"At 2026-11-18T01:00:00Z {cause}"), TWO)
    assert told.kind == (kind or "other")
    assert told.instance_id == ("i-0123456789abcdef0" if kind else None)


def event(subtype, text, kind="service-error", instance_id=None):
    about = {"EventSubType": subtype, "EventDescription": text} | ({"InstanceId": instance_id} if instance_id else {})
    return {"EventType": kind, "EventInformation": about}


def test_a_fleets_refusal_names_type_and_zone():
    text = "m4.large, ami-12345678, Linux/UNIX (Amazon VPC), us-east-1a: There is no Spot capacity available"
    told = told_by_history(event("insufficientInstanceCapacity", text))
    assert (told.kind, told.instance_types, told.zone_name) == ("refusal", ("m4.large",), "us-east-1a")


def test_a_count_limit_is_no_lack_of_capacity():
    assert (
        told_by_history(event("spotInstanceCountLimitExceeded", "us-east-1a m4.large: MaxSpotInstanceCount")) == OTHER
    )


def test_a_launch_of_a_fleet_names_its_pool():
    text = (
        '{"instanceType":"c5.large","image":"ami-1","productDescription":"Linux/UNIX","availabilityZone":"us-east-1d"}'
    )
    told = told_by_history(event("launched", text, "instance-change", "i-0123456789abcdef0"))
    assert (told.kind, told.instance_types, told.zone_name) == ("launch", ("c5.large",), "us-east-1d")


def test_an_unknown_record_says_nothing():
    assert told_by_history({}) == OTHER
    assert told_by_activity({}, ()) == OTHER
