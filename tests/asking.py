"""The policy of tests that drive the product as a user: on the simulated account a person is asked for everything."""

POLICY = """
version: 1
accounts: [{id: "123456789012", regions: [us-east-1], write_role: current}]
policies:
  - name: ask-for-everything
    resource: aws.asg
    mode: {type: approve}
    filters: []
    actions: [{type: set-purchase-mix}, {type: set-allocation-strategy}, {type: set-desired-capacity}]
"""
