# The API keys' hashes. Terraform makes the place and never its content: the application is the one authority on keys.

resource "aws_secretsmanager_secret" "api_keys" {
  # checkov:skip=CKV2_AWS_57:A key is rotated with its client, by producer keys rotate
  name        = "${var.name}/api-keys"
  description = "Hashes of the API keys; kept by python -m producer keys"
  kms_key_id  = aws_kms_key.this.arn
  # A deleted secret would hold its name back, and with it the next deployment.
  recovery_window_in_days = 0
}

locals {
  # The first key's clear text: made by `producer keys create --to-secret`, deleted by a rotation, unknown to Terraform.
  api_key_secret = "${var.name}/api-key"

  # The first password of a user of the console, until somebody has fetched it: made by `users create --to-secret`.
  console_password     = "${var.name}/console-password"
  console_password_arn = "${local.arn.secretsmanager}:secret:${local.console_password}-??????"

  # Secrets Manager ends an ARN with a dash and six characters of its own.
  api_key_secret_arn = "${local.arn.secretsmanager}:secret:${local.api_key_secret}-??????"
}
