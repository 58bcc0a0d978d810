"""Settings of a group that are written whole: types by attributes, weights, the template's version."""

from collections.abc import Iterator

import pytest

from tests.contract.conftest import World
from tests.contract.ground_house import Hand, group, open_ground, open_hand, row_of
from tests.contract.trainers import NAME, put_back
from tools.errors import Rejected, UsageError
from tools.fleets.effects import effect_of
from tools.records import ChangeFleet, InstanceRequirements


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with open_ground() as found:
        yield found


@pytest.fixture(autouse=True)
def hand(world: World, tmp_path) -> Iterator[Hand]:
    """Every test finds the group as the scenario laid it."""
    with open_hand(world, tmp_path) as found:
        yield found
    put_back(world)


@pytest.mark.accepts("IN-10")
def test_types_chosen_by_attributes_are_read_written_and_keep_what_else_they_ask_for(world):
    asked = {
        "VCpuCount": {"Min": 2, "Max": 4},
        "MemoryMiB": {"Min": 4096},
        "CpuManufacturers": ["intel"],
        "BurstablePerformance": "excluded",
    }
    policy = row_of(world)["MixedInstancesPolicy"]
    specification = {"LaunchTemplateName": "proving", "Version": "1"}
    world.raw("autoscaling").create_auto_scaling_group(
        AutoScalingGroupName="by-attributes",
        MinSize=0,
        MaxSize=4,
        DesiredCapacity=0,
        AvailabilityZones=["us-east-1a"],
        NewInstancesProtectedFromScaleIn=True,
        MixedInstancesPolicy={
            "LaunchTemplate": {
                "LaunchTemplateSpecification": specification,
                "Overrides": [{"InstanceRequirements": asked}],
            },
            "InstancesDistribution": {"SpotAllocationStrategy": "price-capacity-optimized"},
        },
    )
    fleet = group(world, "by-attributes")
    assert fleet.mix.instance_requirements == InstanceRequirements(
        min_vcpus=2, max_vcpus=4, min_memory_mib=4096, cpu_manufacturers=("intel",)
    )
    assert fleet.mix.on_demand_allocation_strategy == "lowest-price"
    assert fleet.new_instances_protected
    wanted = InstanceRequirements(min_vcpus=2, max_vcpus=8, min_memory_mib=8192, allowed_instance_types=("m6*.*",))
    action = ChangeFleet(
        fleet=fleet.ref,
        instance_requirements=wanted,
        launch_template_version=2,
        new_instances_protected=False,
        max_size=5,
    )
    intent = world.intent(action, fleet)
    world.carry_out(action, fleet, intent)
    assert world.observe(action, intent) == intent.want
    written = row_of(world, "by-attributes")["MixedInstancesPolicy"]
    (override,) = written["LaunchTemplate"]["Overrides"]
    assert override["InstanceRequirements"] == {
        "VCpuCount": {"Min": 2, "Max": 8},
        "MemoryMiB": {"Min": 8192},
        "AllowedInstanceTypes": ["m6*.*"],
        "BurstablePerformance": "excluded",
    }
    assert written["InstancesDistribution"]["OnDemandAllocationStrategy"] == "lowest-price"
    assert policy["InstancesDistribution"]["OnDemandAllocationStrategy"] == "prioritized"
    assert group(world, "by-attributes").launch_template.version == "2"
    world.raw("autoscaling").delete_auto_scaling_group(AutoScalingGroupName="by-attributes", ForceDelete=True)


def test_a_list_of_types_becomes_attributes_only_with_a_strategy_that_has_no_order(world, hand):
    wanted = InstanceRequirements(min_vcpus=2, max_vcpus=2, min_memory_mib=4096)
    action = ChangeFleet(fleet=group(world).ref, instance_requirements=wanted)
    with pytest.raises(UsageError, match="cannot be prioritized"):
        hand.approved(action)
    was, both = group(world).mix, action.with_(on_demand_allocation_strategy="lowest-price")
    assert hand.do(both).status == "done"
    assert group(world).mix.instance_requirements == wanted
    assert group(world).mix.overrides == ()
    world.raw("autoscaling").update_auto_scaling_group(
        AutoScalingGroupName=NAME,
        MixedInstancesPolicy={
            "LaunchTemplate": {"Overrides": [{"InstanceType": t} for t in was.instance_types]},
            "InstancesDistribution": {"OnDemandAllocationStrategy": "prioritized"},
        },
    )


@pytest.mark.accepts("P-09")
def test_weights_are_written_with_their_types_and_a_template_version_by_number(world, hand):
    action = ChangeFleet(
        fleet=group(world).ref,
        instance_types=("m5.large", "m6i.large"),
        weights=(1, 1),
        launch_template_version=1,
    )
    assert hand.do(action).status == "done"
    template = row_of(world)["MixedInstancesPolicy"]["LaunchTemplate"]
    assert template["Overrides"] == [
        {"InstanceType": "m5.large", "WeightedCapacity": "1"},
        {"InstanceType": "m6i.large", "WeightedCapacity": "1"},
    ]
    assert template["LaunchTemplateSpecification"]["Version"] == "1"
    assert group(world).launch_template.version == "1"


def test_a_version_that_was_followed_by_name_cannot_be_set_back_and_says_so(world, hand):
    policy = row_of(world)["MixedInstancesPolicy"]
    policy["LaunchTemplate"]["LaunchTemplateSpecification"] = {"LaunchTemplateName": "proving", "Version": "$Latest"}
    world.raw("autoscaling").update_auto_scaling_group(AutoScalingGroupName=NAME, MixedInstancesPolicy=policy)
    action = ChangeFleet(fleet=group(world).ref, launch_template_version=1)
    outcome = hand.do(action)
    assert (outcome.status, outcome.before) == ("done", {"launch_template_version": "$Latest"})
    with pytest.raises(UsageError, match=r"launch_template_version \$Latest"):
        effect_of(action).undo(action, outcome.before, group(world))


def test_attributes_are_one_setting_and_never_half_done(world):
    wanted = InstanceRequirements(min_vcpus=2, max_vcpus=8, min_memory_mib=8192)
    action = ChangeFleet(fleet=group(world).ref, instance_requirements=wanted)
    want = {"instance_requirements": wanted.model_dump(mode="json")}
    other = {"instance_requirements": {**want["instance_requirements"], "max_vcpus": 16}}
    assert effect_of(action).items(want, other) == ()


def test_a_group_without_a_launch_template_has_no_version_to_set(world):
    scaling = world.raw("autoscaling")
    scaling.create_launch_configuration(
        LaunchConfigurationName="old-way", ImageId="ami-0123456789abcdef0", InstanceType="m5.large"
    )
    scaling.create_auto_scaling_group(
        AutoScalingGroupName="old-way",
        LaunchConfigurationName="old-way",
        MinSize=0,
        MaxSize=1,
        AvailabilityZones=["us-east-1a"],
    )
    fleet = group(world, "old-way")
    assert fleet.launch_template is None
    action = ChangeFleet(fleet=fleet.ref, launch_template_version=2)
    with pytest.raises(Rejected, match="launch configuration"):
        world.carry_out(action, fleet)
    scaling.delete_auto_scaling_group(AutoScalingGroupName="old-way", ForceDelete=True)
