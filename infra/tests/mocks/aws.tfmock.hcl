# What AWS would answer: names where a plan asks for them, and ARNs where the provider looks at their form.

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

mock_resource "aws_db_instance" {
  defaults = { address = "database.example.com", master_user_secret = [{ secret_arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:rds" }] }
}

mock_resource "aws_ecr_repository" {
  defaults = { repository_url = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/repository" }
}

mock_resource "aws_kms_key" {
  defaults = { arn = "arn:aws:kms:eu-central-1:123456789012:key/5a0b1f0e-0000-0000-0000-000000000000" }
}

mock_resource "aws_apigatewayv2_api" {
  defaults = { id = "api" }
}

mock_resource "aws_lb_target_group" {
  defaults = { arn_suffix = "targetgroup/payment-analytics-producer/1", arn = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/payment-analytics-producer/1" }
}

mock_resource "aws_lb" {
  defaults = { arn_suffix = "app/payment-analytics/1", arn = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/payment-analytics/1" }
}

mock_resource "aws_security_group" {
  defaults = { id = "sg-0" }
}

mock_resource "aws_sns_topic" {
  defaults = { arn = "arn:aws:sns:eu-central-1:123456789012:payment-analytics-alarms" }
}
