# SES, for the alerts of anomalies.

variable "alert_sender" {
  description = "Address that the alerts come from. SES mails it a link, and sends nothing before that is opened."
  type        = string

  validation {
    condition     = can(regex("^[^@\\s,<>]+@[^@\\s,<>]+\\.[^@\\s,<>]+$", var.alert_sender))
    error_message = "alert_sender is one bare e-mail address."
  }
}

variable "alert_recipients" {
  description = "Who is told of anomalies. While the account is in SES's sandbox each address has to be verified too."
  type        = list(string)

  validation {
    condition = alltrue(concat(
      [length(var.alert_recipients) >= 1, length(var.alert_recipients) <= 50],
      [for address in var.alert_recipients : can(regex("^[^@\\s,<>]+@[^@\\s,<>]+\\.[^@\\s,<>]+$", address))],
    ))
    error_message = "alert_recipients is a list of 1 to 50 bare e-mail addresses."
  }
}

variable "verify_alert_sender" {
  description = "Have SES verify alert_sender. false: the account has the address, or its domain, verified already."
  type        = bool
  default     = true
}

variable "digest_interval_seconds" {
  description = "The first alert after quiet goes out at once; what follows is collected for so long."
  type        = number
  default     = 300

  validation {
    condition     = var.digest_interval_seconds > 0
    error_message = "digest_interval_seconds is more than 0."
  }
}

resource "aws_ses_email_identity" "alert_sender" {
  count = var.verify_alert_sender ? 1 : 0
  email = var.alert_sender
}

resource "aws_ses_configuration_set" "this" {
  name                       = var.name
  sending_enabled            = true
  reputation_metrics_enabled = true

  delivery_options {
    tls_policy = "Require"
  }
}

resource "aws_ses_event_destination" "undelivered" {
  name                   = "undelivered"
  configuration_set_name = aws_ses_configuration_set.this.name
  enabled                = true
  matching_types         = ["bounce", "complaint", "reject"]

  sns_destination {
    topic_arn = aws_sns_topic.alarms.arn
  }

  depends_on = [aws_sns_topic_policy.alarms]
}
