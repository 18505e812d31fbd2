# Every log group, also those that AWS would make by itself: unencrypted, and for ever.

locals {
  log_groups = merge(
    { for name in ["console", "consumer", "firehose", "flow", "migrate", "producer", "tools"] : name => "/${var.name}/${name}" },
    local.size.access_logs ? { api = "/${var.name}/api" } : {},
    var.waf ? { waf = "aws-waf-logs-${var.name}" } : {}, # WAF demands this beginning
    local.size.container_insights ? { insights = "/aws/ecs/containerinsights/${var.name}/performance" } : {},
    { for name in ["postgresql", "upgrade"] : name => "/aws/rds/instance/${var.name}/${name}" },
  )
}

resource "aws_cloudwatch_log_group" "this" {
  for_each          = local.log_groups
  name              = each.value
  retention_in_days = var.log_retention_days
  kms_key_id        = aws_kms_key.this.arn
}
