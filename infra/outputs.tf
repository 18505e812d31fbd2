output "api_gateway_url" {
  description = "Where clients post to: this and /collector/transactions."
  value       = aws_apigatewayv2_api.this.api_endpoint
}

output "api_key_secret" {
  description = "Name of the secret that holds the first API key until it is rotated."
  value       = local.api_key_secret
}

output "database_endpoint" {
  description = "Host and port of PostgreSQL, inside the VPC."
  value       = aws_db_instance.this.endpoint
}

output "console_url" {
  description = "The console, inside the VPC, for whoever is in the security group of its visitors."
  value       = "${var.console_certificate == null ? "http" : "https"}://${aws_lb.this.dns_name}:${local.console_listener_port}"
}

output "console_visitors" {
  description = "Security group of those who may open the console."
  value       = aws_security_group.this["visitors"].id
}

output "archive_bucket" {
  description = "Bucket of all transactions, below transactions/."
  value       = aws_s3_bucket.archive.bucket
}

output "athena_workgroup" {
  description = "Athena workgroup whose queries find the table `transactions`."
  value       = aws_athena_workgroup.archive.name
}

output "dashboard_url" {
  description = "The dashboard, from clients to mail."
  value       = "${local.cloudwatch_console}#dashboards/dashboard/${aws_cloudwatch_dashboard.this.dashboard_name}"
}

output "repositories" {
  description = "Where the images are pushed, by service."
  value       = { for name, repository in aws_ecr_repository.this : name => repository.repository_url }
}

output "cluster" {
  description = "ECS cluster of the services and the one-off tasks."
  value       = aws_ecs_cluster.this.name
}

output "task_subnets" {
  description = "Subnets of the one-off tasks, separated by commas."
  value       = join(",", local.task_subnets)
}

output "task_security_group" {
  description = "Security group of the one-off tasks."
  value       = aws_security_group.this["tools"].id
}

output "lease_tables" {
  description = "DynamoDB tables that KCL makes by itself, and that are not Terraform's to remove."
  value       = [local.application, "${local.application}-CoordinatorState", "${local.application}-WorkerMetricStats"]
}

output "key_arn" {
  description = "KMS key of everything: whoever keeps the archive or a snapshot keeps it too."
  value       = aws_kms_key.this.arn
}

locals {
  cloudwatch_console = "https://${var.region}.console.aws.amazon.com/cloudwatch/home?region=${var.region}"
}
