# Where alarms and SES's bounces and complaints go, and who hears of them.

variable "alarm_recipients" {
  description = "Who gets the alarms by e-mail; each confirms once, by a link. null: the alert_recipients."
  type        = list(string)
  default     = null

  validation {
    condition = alltrue([
      for address in coalesce(var.alarm_recipients, []) : can(regex("^[^@\\s,<>]+@[^@\\s,<>]+\\.[^@\\s,<>]+$", address))
    ])
    error_message = "alarm_recipients is a list of bare e-mail addresses."
  }
}

resource "aws_sns_topic" "alarms" {
  name              = "${var.name}-alarms"
  kms_master_key_id = aws_kms_key.this.arn
}

data "aws_iam_policy_document" "alarms_topic" {
  statement {
    sid       = "Alarms"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.alarms.arn]

    principals {
      type        = "Service"
      identifiers = ["cloudwatch.amazonaws.com"]
    }

    condition {
      test     = "ArnLike"
      variable = "aws:SourceArn"
      values   = ["${local.arn.cloudwatch}:alarm:${var.name}-*"]
    }
  }

  statement {
    sid       = "BouncesAndComplaints"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.alarms.arn]

    principals {
      type        = "Service"
      identifiers = ["ses.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }
}

resource "aws_sns_topic_policy" "alarms" {
  arn    = aws_sns_topic.alarms.arn
  policy = data.aws_iam_policy_document.alarms_topic.json
}

resource "aws_sns_topic_subscription" "alarms" {
  for_each  = toset(coalesce(var.alarm_recipients, var.alert_recipients))
  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = each.value
}
