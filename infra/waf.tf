# Optional: AWS's filters before the load balancer (an HTTP API itself takes none).

variable "waf" {
  description = "Put a web application firewall before the load balancer: about 7 dollars a month and 0.60 a million requests."
  type        = bool
  default     = false
}

variable "waf_requests_per_address" {
  description = "With waf: requests that one address may make in five minutes."
  type        = number
  default     = 100000

  validation {
    condition     = var.waf_requests_per_address >= 10
    error_message = "waf_requests_per_address is at least 10."
  }
}

locals {
  client_address_header = "x-client-address"
}

resource "aws_wafv2_web_acl" "this" {
  count       = var.waf ? 1 : 0
  name        = var.name
  description = "Before the load balancer of ${var.name}"
  scope       = "REGIONAL"

  default_action {
    allow {}
  }

  rule {
    name     = "requests-per-address"
    priority = 0

    action {
      block {}
    }

    statement {
      rate_based_statement {
        limit              = var.waf_requests_per_address
        aggregate_key_type = "FORWARDED_IP"

        forwarded_ip_config {
          header_name       = local.client_address_header
          fallback_behavior = "MATCH"
        }
      }
    }

    visibility_config {
      cloudwatch_metrics_enabled = true
      metric_name                = "requests-per-address"
      sampled_requests_enabled   = false # samples show headers, and with them keys
    }
  }

  # Not AWS's core rules: they refuse bodies over 8 KB, and a request may carry 5 MiB.
  rule {
    name     = "known-bad-inputs"
    priority = 1

    override_action {
      none {}
    }

    statement {
      managed_rule_group_statement {
        vendor_name = "AWS"
        name        = "AWSManagedRulesKnownBadInputsRuleSet"
      }
    }

    visibility_config {
      cloudwatch_metrics_enabled = true
      metric_name                = "known-bad-inputs"
      sampled_requests_enabled   = false
    }
  }

  visibility_config {
    cloudwatch_metrics_enabled = true
    metric_name                = var.name
    sampled_requests_enabled   = false
  }
}

resource "aws_wafv2_web_acl_association" "this" {
  count        = var.waf ? 1 : 0
  resource_arn = aws_lb.this.arn
  web_acl_arn  = aws_wafv2_web_acl.this[0].arn
}

resource "aws_wafv2_web_acl_logging_configuration" "this" {
  count                   = var.waf ? 1 : 0
  resource_arn            = aws_wafv2_web_acl.this[0].arn
  log_destination_configs = [aws_cloudwatch_log_group.this["waf"].arn]

  redacted_fields {
    single_header {
      name = "x-api-key"
    }
  }

  logging_filter {
    default_behavior = "DROP"

    filter {
      behavior    = "KEEP"
      requirement = "MEETS_ANY"

      condition {
        action_condition {
          action = "BLOCK"
        }
      }
    }
  }
}
