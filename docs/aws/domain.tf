# A domain of one's own before the API. Not a part of the deployment: copy this file into infra/, put
#   domain = { name = "payments.example.com", zone = "example.com" }
# into infra/terraform.tfvars, and deploy. The zone is one of Route 53 in the same account.

variable "domain" {
  description = "Host name of the API, in the hosted zone `zone`."
  type        = object({ name = string, zone = string })
}

data "aws_route53_zone" "domain" {
  name = var.domain.zone
}

resource "aws_acm_certificate" "api" {
  domain_name       = var.domain.name
  validation_method = "DNS"

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_route53_record" "proof" {
  for_each = { for proof in aws_acm_certificate.api.domain_validation_options : proof.domain_name => proof }
  zone_id  = data.aws_route53_zone.domain.zone_id
  name     = each.value.resource_record_name
  type     = each.value.resource_record_type
  records  = [each.value.resource_record_value]
  ttl      = 300
}

resource "aws_acm_certificate_validation" "api" {
  certificate_arn = aws_acm_certificate.api.arn
  depends_on      = [aws_route53_record.proof]
}

resource "aws_apigatewayv2_domain_name" "api" {
  domain_name = var.domain.name

  domain_name_configuration {
    certificate_arn = aws_acm_certificate_validation.api.certificate_arn
    endpoint_type   = "REGIONAL"
    security_policy = "TLS_1_2"
  }
}

resource "aws_apigatewayv2_api_mapping" "api" {
  api_id      = aws_apigatewayv2_api.this.id
  domain_name = aws_apigatewayv2_domain_name.api.id
  stage       = aws_apigatewayv2_stage.this.id
}

resource "aws_route53_record" "api" {
  zone_id = data.aws_route53_zone.domain.zone_id
  name    = var.domain.name
  type    = "A"

  alias {
    name                   = aws_apigatewayv2_domain_name.api.domain_name_configuration[0].target_domain_name
    zone_id                = aws_apigatewayv2_domain_name.api.domain_name_configuration[0].hosted_zone_id
    evaluate_target_health = false
  }
}
