# What a plan promises, without AWS: terraform test, in seconds.

mock_provider "aws" {
  override_during = plan

  mock_data "aws_availability_zones" {
    defaults = { names = ["eu-central-1c", "eu-central-1a", "eu-central-1b"] }
  }

  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }

  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }

  mock_data "aws_iam_policy_document" {
    defaults = { json = "{\"Version\":\"2012-10-17\",\"Statement\":[]}" }
  }
}

variables {
  alert_sender     = "alerts@example.com"
  alert_recipients = ["fraud-desk@example.com"]
  producer_tag     = "p1"
  consumer_tag     = "c1"
}

run "production" {
  command = plan

  assert {
    condition     = aws_kinesis_stream.transactions.stream_mode_details[0].stream_mode == "ON_DEMAND"
    error_message = "x"
  }
}
