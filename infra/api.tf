# The one way in: HTTPS under AWS's name, two routes, throttled. The application itself checks the keys.

variable "api_throttle" {
  description = "Requests a second that the API lets through, and how many at once; more are answered 429. All clients together."
  type        = object({ rate = number, burst = number })
  default     = { rate = 1000, burst = 2000 }

  validation {
    condition     = var.api_throttle.rate >= 1 && var.api_throttle.burst >= 1
    error_message = "api_throttle: rate and burst are at least 1."
  }
}

locals {
  # What is not listed does not exist from outside: no health, no metrics, no documentation pages.
  routes = {
    "POST /collector/transactions" = var.api_throttle
    "GET /openapi.json"            = { rate = 10, burst = 20 }
  }

  # No body, no header, no query: neither payments nor keys.
  access_log_fields = {
    time       = "$context.requestTime"
    requestId  = "$context.requestId"
    ip         = "$context.identity.sourceIp"
    route      = "$context.routeKey"
    status     = "$context.status"
    bytes      = "$context.responseLength"
    ms         = "$context.responseLatency"
    producerMs = "$context.integrationLatency"
    error      = "$context.error.message"
  }
}

resource "aws_apigatewayv2_api" "this" {
  name          = var.name
  description   = "Takes payment transactions"
  protocol_type = "HTTP"
}

resource "aws_apigatewayv2_vpc_link" "this" {
  name               = var.name
  subnet_ids         = local.task_subnets
  security_group_ids = [aws_security_group.this["link"].id]
}

resource "aws_apigatewayv2_integration" "producer" {
  api_id                 = aws_apigatewayv2_api.this.id
  description            = "The internal load balancer"
  integration_type       = "HTTP_PROXY"
  integration_method     = "ANY"
  integration_uri        = aws_lb_listener.http.arn
  connection_type        = "VPC_LINK"
  connection_id          = aws_apigatewayv2_vpc_link.this.id
  payload_format_version = "1.0"
  timeout_milliseconds   = 30000

  # The caller's address in a header that no caller can set: the load balancer sees only the link's.
  request_parameters = { "overwrite:header.${local.client_address_header}" = "$context.identity.sourceIp" }
}

resource "aws_apigatewayv2_route" "this" {
  # checkov:skip=CKV_AWS_309:The producer checks the keys, and is the one authority on them
  for_each           = local.routes
  api_id             = aws_apigatewayv2_api.this.id
  route_key          = each.key
  target             = "integrations/${aws_apigatewayv2_integration.producer.id}"
  authorization_type = "NONE"
}

resource "aws_apigatewayv2_stage" "this" {
  api_id      = aws_apigatewayv2_api.this.id
  name        = "$default"
  auto_deploy = true

  default_route_settings {
    throttling_rate_limit  = var.api_throttle.rate
    throttling_burst_limit = var.api_throttle.burst
  }

  dynamic "route_settings" {
    for_each = local.routes

    content {
      route_key              = route_settings.key
      throttling_rate_limit  = route_settings.value.rate
      throttling_burst_limit = route_settings.value.burst
    }
  }

  dynamic "access_log_settings" {
    for_each = local.size.access_logs ? [aws_cloudwatch_log_group.this["api"].arn] : []

    content {
      destination_arn = access_log_settings.value
      format          = jsonencode(local.access_log_fields)
    }
  }

  # A route's settings are refused before the route is there.
  depends_on = [aws_apigatewayv2_route.this]
}
