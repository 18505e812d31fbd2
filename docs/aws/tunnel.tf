# A way to the database for people: a small instance without an address, whose only door is Session Manager, so that IAM says
# who may use it and CloudTrail who did. About 4 dollars a month. Not a part of the deployment: copy this file into infra/
# and deploy. With `egress = "endpoints"` it needs extra_endpoints = ["ssm", "ssmmessages"] as well.

data "aws_ssm_parameter" "amazon_linux" {
  name = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"
}

data "aws_iam_policy_document" "tunnel_trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ec2.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "tunnel" {
  name               = "${var.name}-${var.region}-tunnel"
  assume_role_policy = data.aws_iam_policy_document.tunnel_trust.json
}

resource "aws_iam_role_policy_attachment" "tunnel" {
  role       = aws_iam_role.tunnel.name
  policy_arn = "arn:${local.partition}:iam::aws:policy/AmazonSSMManagedInstanceCore"
}

resource "aws_iam_instance_profile" "tunnel" {
  name = aws_iam_role.tunnel.name
  role = aws_iam_role.tunnel.name
}

# The group of the one-off tasks: to the database and to AWS, and from nowhere.
resource "aws_instance" "tunnel" {
  ami                    = data.aws_ssm_parameter.amazon_linux.value
  instance_type          = "t4g.nano"
  subnet_id              = local.task_subnets[0]
  vpc_security_group_ids = [aws_security_group.this["tools"].id]
  iam_instance_profile   = aws_iam_instance_profile.tunnel.name
  tags                   = { Name = "${var.name}-tunnel" }

  metadata_options {
    http_tokens = "required"
  }

  root_block_device {
    encrypted  = true
    kms_key_id = aws_kms_key.this.arn
  }

  lifecycle {
    ignore_changes = [ami]
  }
}

output "tunnel" {
  description = "Instance that Session Manager forwards ports through."
  value       = aws_instance.tunnel.id
}
